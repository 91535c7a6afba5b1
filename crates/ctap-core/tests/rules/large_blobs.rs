//! authenticatorLargeBlobs.

use ctap_core::memory::MemoryError;
use ctap_core::state::EMPTY_LARGE_BLOBS;

use crate::support::request::{config, credential_management, descriptor, read_blobs, write_blobs};
use crate::support::store::Medium;
use crate::support::{
    ALL, CM, Key, LBW, PROTOCOLS, PinUvAuthToken, RP, Request, Setup, Value, bytes,
    make_credential, numbered, sha256,
};

/// An array of this length, its hash included; the key does not look inside.
fn array(length: usize, fill: u8) -> Vec<u8> {
    let content: Vec<u8> = (0..length - 16).map(|at| at as u8 ^ fill).collect();
    [&content[..], &sha256(&content)[..16]].concat()
}

/// Writes in fragments of this length; the status of the last one.
fn write(key: &mut Key, array: &[u8], fragment: usize, token: Option<&PinUvAuthToken>) -> u8 {
    let mut status = 0;
    for (index, part) in array.chunks(fragment).enumerate() {
        let length = (index == 0).then_some(array.len() as u64);
        let request = write_blobs((index * fragment) as u64, part, length);
        let request = match token {
            Some(token) => request.auth(token),
            None => request,
        };
        status = key.status(&request);
        if status != 0 {
            break;
        }
    }
    status
}

fn read(key: &mut Key) -> Vec<u8> {
    let (mut array, step) = (Vec::new(), 960);
    loop {
        let part = key.ok(&read_blobs(array.len() as u64, step)).bytes(1);
        array.extend(&part);
        if part.len() < step as usize {
            return array;
        }
    }
}

fn key() -> Key {
    Key::made(|_| {})
}

// LB-02, LB-03, LB-24, LB-25, MSG-22; tool LargeBlobs P-1 to P-3
#[test]
fn a_fresh_key_has_the_empty_array() {
    let mut key = key();
    assert!(key.info().number(0x0b) > 1024);
    assert_eq!(key.option("largeBlobs"), Some(true));
    let all = key.ok(&read_blobs(0, 100));
    assert_eq!((all.keys(), all.bytes(1)), (vec![1], EMPTY_LARGE_BLOBS.to_vec()));
    assert_eq!(key.call(&read_blobs(0, 0).encode()), [0x00, 0xa1, 0x01, 0x40]);
}

// LB-06, LB-07, MSG-05
#[test]
fn a_key_without_the_command_does_not_know_it() {
    let mut key = Key::made(|config| config.large_blobs = None);
    assert_eq!(key.status(&read_blobs(0, 1)), 0x01);
    assert_eq!((key.option("largeBlobs"), key.info().has(0x0b)), (None, false));
}

// LB-10 to LB-12, LB-20 to LB-23, MSG-21, MSG-39
#[test]
fn reading_is_checked_in_order() {
    let mut key = key();
    assert_eq!(key.status(&Request::new(0x0c)), 0x02, "no offset is 0x02, not 0x14");
    assert_eq!(key.status(&Request::new(0x0c).with(1, 1)), 0x02);
    assert_eq!(key.status(&Request::new(0x0c).with(3, 0)), 0x02);
    assert_eq!(key.status(&read_blobs(0, 1).with(2, bytes([]))), 0x02);
    assert_eq!(key.status(&read_blobs(0, 1).with(4, 17)), 0x02);
    assert_eq!(key.status(&read_blobs(0, 1).with(5, bytes([]))), 0x02);
    assert_eq!(key.status(&read_blobs(0, 1).with(6, 2)), 0x02);
    let most = key.info().number(5) - 64; // LB-01
    for (offset, count, status) in [
        (0, most, 0),
        (0, most + 1, 0x03),
        (0, u64::MAX, 0x03),
        (17, 1, 0),
        (18, 1, 0x02),
        (u64::MAX, 1, 0x02),
        (18, most + 1, 0x03),
    ] {
        assert_eq!(key.status(&read_blobs(offset, count)), status, "{offset} {count}");
    }
    for member in 1..=6 {
        assert_eq!(key.status(&read_blobs(0, 1).with(member, Value::Null)), 0x11);
    }
}

// LB-24, LB-64, LB-46, LB-08; tool LargeBlobs P-4
#[test]
fn what_was_written_is_read_in_any_slices() {
    let mut key = key();
    let array = array(2000, 7);
    assert_eq!(write(&mut key, &array, 960, None), 0);
    assert_eq!(read(&mut key), array);
    for (offset, count) in [(0, 1), (1, 500), (999, 960), (1999, 5), (2000, 5)] {
        let end = (offset + count).min(2000);
        let part = key.ok(&read_blobs(offset as u64, count as u64)).bytes(1);
        assert_eq!(part, array[offset..end]);
    }
    assert_eq!(key.asked(), [], "nobody is asked for a touch");
}

// LB-30 to LB-36, LB-42
#[test]
fn writing_is_checked_in_order() {
    let mut key = key();
    let most = (key.info().number(5) - 64) as usize;
    let capacity = key.info().number(0x0b);
    for (offset, length, fragment, status) in [
        (0, None, most + 1, 0x03),
        (0, None, 1, 0x02),
        (0, Some(capacity + 1), 1, 0x18),
        (0, Some(u64::MAX), 1, 0x18),
        (0, Some(16), 1, 0x02),
        (1, Some(17), 1, 0x02),
        (1, None, 1, 0x04),
        (u64::MAX, None, 1, 0x04),
        (0, Some(17), 18, 0x02),
        (0, Some(capacity), most, 0),
        (0, Some(17), 0, 0),
    ] {
        let request = write_blobs(offset, &vec![1; fragment], length);
        assert_eq!(key.status(&request), status, "{offset} {length:?} {fragment}");
    }
}

// LB-02, LB-32, LB-46
#[test]
fn an_array_may_be_as_long_as_get_info_says() {
    let mut key = Key::made(|config| config.large_blobs = Some(1024));
    assert_eq!(write(&mut key, &array(1024, 1), 960, None), 0);
    assert_eq!(write(&mut key, &array(1025, 1), 960, None), 0x18);
    assert_eq!(read(&mut key), array(1024, 1));
}

// LB-37 to LB-39, LB-41
#[test]
fn a_write_needs_a_token_wherever_anything_protects_the_key() {
    for setup in Setup::every().filter(|setup| !setup.no_mc_ga && setup.not_rqd) {
        let mut key = setup.key();
        let request = write_blobs(0, &array(20, 1), Some(20));
        if !setup.protected() && !setup.always_uv {
            assert_eq!(key.status(&request.param(vec![1], 99)), 0, "not looked at");
            continue;
        }
        assert_eq!(key.status(&request), 0x36);
        let with_param = request.clone().param(vec![0; 32], 2);
        assert_eq!(key.status(&with_param.clone().without(6)), 0x14);
        assert_eq!(key.status(&with_param.clone().with(6, 3)), 0x02);
        assert_eq!(key.status(&with_param), 0x33);
        if setup.pin {
            let token = key.token(LBW, None);
            assert_eq!(key.status(&request.auth(&token)), 0);
        }
        assert_eq!(key.status(&read_blobs(0, 1)), 0); // LB-25
    }
}

// LB-39, LB-40, V-08; tool GetPinToken F-3
#[test]
fn the_mac_covers_fragment_and_offset_and_the_token_lasts() {
    for protocol in PROTOCOLS {
        let mut key = Key::with_pin();
        let array = array(3000, 3);
        let other = key.token_with(protocol, ALL & !LBW, Some(RP));
        assert_eq!(write(&mut key, &array, 960, Some(&other)), 0x33);
        let token = key.token_with(protocol, LBW, None);
        let first = write_blobs(0, &array[..960], Some(3000)).auth(&token);
        assert_eq!(key.status(&first), 0);
        let second = write_blobs(960, &array[960..1920], None);
        let mac = |offset: u64, fragment: &[u8]| {
            let request = write_blobs(offset, fragment, None).auth(&token);
            request.get(5).unwrap().as_bytes().unwrap().clone()
        };
        for wrong in [mac(0, &array[960..1920]), mac(960, &array[..960])] {
            let request = second.clone().param(wrong, protocol.number());
            assert_eq!(key.status(&request), 0x33);
        }
        assert_eq!(key.status(&second.auth(&token)), 0, "a refused fragment can be repeated"); // LB-54
        assert_eq!(key.status(&write_blobs(1920, &array[1920..2000], None).auth(&token)), 0);
        assert_eq!(key.status(&write_blobs(1920, &array[1920..], None).auth(&token)), 0x04);
        assert_eq!(key.status(&write_blobs(2000, &array[2000..2960], None).auth(&token)), 0);
        let too_much = [&array[2960..], &[0]].concat();
        assert_eq!(key.status(&write_blobs(2960, &too_much, None).auth(&token)), 0x02);
        assert_eq!(key.status(&write_blobs(2960, &array[2960..], None).auth(&token)), 0);
        assert_eq!(read(&mut key), array);
    }
}

// LB-40, CP-125
#[test]
fn a_token_used_up_by_a_touch_still_writes() {
    let mut key = Key::with_pin();
    let token = key.token(ALL, Some(RP));
    key.ok(&make_credential(RP).auth(&token));
    assert_eq!(write(&mut key, &array(20, 1), 960, Some(&token)), 0);
}

// LB-04, LB-05, LB-45
#[test]
fn an_array_with_a_wrong_hash_leaves_the_old_one() {
    let mut key = key();
    let good = array(500, 1);
    assert_eq!(write(&mut key, &good, 100, None), 0);
    for at in [0, 483, 484, 499] {
        let mut bad = array(500, 2);
        bad[at] ^= 1;
        assert_eq!(write(&mut key, &bad, 100, None), 0x3d);
        assert_eq!(key.status(&write_blobs(400, &bad[400..], None)), 0x04, "the write is over");
        assert_eq!(read(&mut key), good);
    }
}

// LB-34, LB-54, LB-43
#[test]
fn an_offset_of_zero_begins_anew_even_if_its_mac_is_refused() {
    let mut key = Key::with_pin();
    let token = key.token(LBW, None);
    let old = array(40, 1);
    assert_eq!(key.status(&write_blobs(0, &old[..20], Some(40)).auth(&token)), 0);
    let refused = write_blobs(0, &old[..20], Some(50)).param(vec![0; 32], 2);
    assert_eq!(key.status(&refused), 0x33);
    assert_eq!(key.status(&write_blobs(20, &old[20..], None).auth(&token)), 0x04);
    let new = array(30, 2);
    assert_eq!(write(&mut key, &new, 10, Some(&token)), 0);
    assert_eq!(read(&mut key), new);
}

// LB-47, LB-44
#[test]
fn an_empty_fragment_is_a_fragment() {
    let mut key = key();
    let array = array(20, 1);
    assert_eq!(key.status(&write_blobs(0, &array[..10], Some(20))), 0);
    assert_eq!(key.status(&write_blobs(10, &[], None)), 0);
    assert_eq!(key.status(&write_blobs(10, &array[10..], None)), 0);
    assert_eq!(read(&mut key), array);
}

// LB-05, LB-50, P-12
#[test]
fn a_write_that_cannot_be_stored_or_finished_leaves_the_old_array() {
    for (error, status) in [(MemoryError::Full, 0x18), (MemoryError::Failed, 0x7f)] {
        let mut key = key();
        key.medium.set(Medium::FailsAfter(0, error));
        assert_eq!(write(&mut key, &array(100, 1), 50, None), status);
        assert_eq!(read(&mut key), EMPTY_LARGE_BLOBS);
    }
    let mut key = key();
    assert_eq!(key.status(&write_blobs(0, &[1; 10], Some(20))), 0);
    key.power_cycle();
    assert_eq!(read(&mut key), EMPTY_LARGE_BLOBS);
}

// MSG-85: some keys keep the half, and have dropped the old array already
#[test]
fn a_half_written_array_is_dropped_and_the_old_one_stays() {
    let interruptions: [fn(&mut Key); 3] =
        [|key| drop(key.info()), |key| key.advance(35_000), Key::power_cycle];
    for interrupt in interruptions {
        let mut key = key();
        let (old, new) = (array(500, 1), array(500, 2));
        assert_eq!(write(&mut key, &old, 250, None), 0);
        assert_eq!(key.status(&write_blobs(0, &new[..250], Some(500))), 0);
        interrupt(&mut key);
        assert_eq!(key.status(&write_blobs(250, &new[250..], None)), 0x04);
        assert_eq!(read(&mut key), old);
    }
}

// MSG-65: of USB's queues only this one holds for a key behind USB/IP
#[test]
fn the_longest_fragment_of_a_default_key_fits_what_linux_keeps_for_a_slow_reader() {
    let mut key = key();
    let most = key.info().number(5) - 64;
    let array = array(4096, 1);
    assert_eq!(write(&mut key, &array, most as usize, None), 0);
    let answer = key.call(&read_blobs(0, most).encode());
    assert!(answer.len() as u64 > most, "the whole fragment");
    let reports = 1 + (answer.len() - 57).div_ceil(59);
    assert!(reports <= 64, "{reports}");
}

// LB-60 to LB-64, EX-60, EX-61
#[test]
fn a_client_keeps_the_blobs_of_its_credentials_in_the_array() {
    use ctap_client::blob_array::BlobArray;
    use ctap_client::commands::make_credential::LargeBlobKey;
    let mut key = key();
    let blob_key = |key: &mut Key, user: &[u8]| {
        let request = make_credential(RP).rk().user(user, "x").extension("largeBlobKey", true);
        LargeBlobKey::new(key.ok(&request).bytes(5).try_into().unwrap())
    };
    let (ada, eve) = (blob_key(&mut key, b"ada"), blob_key(&mut key, b"eve"));
    for (owner, blob) in [(&ada, &b"hello"[..]), (&eve, &[7; 3000]), (&ada, b"hello again")] {
        let mut array = BlobArray::parse(&read(&mut key)).unwrap();
        array.put(owner, blob, &mut key.rng).unwrap();
        assert_eq!(write(&mut key, &array.serialize(), 960, None), 0);
    }
    key.power_cycle();
    let array = BlobArray::parse(&read(&mut key)).unwrap();
    assert_eq!(array.find(&ada).as_deref(), Some(&b"hello again"[..]));
    assert_eq!(array.find(&eve), Some(vec![7; 3000]));
}

// LB-66, CM-37
#[test]
fn what_a_deleted_credential_leaves_in_the_array_stays_for_the_platform_to_clean() {
    let mut key = Key::with_pin();
    let token = key.token(ALL, Some(RP));
    let request = make_credential(RP).rk().extension("largeBlobKey", true);
    let id = key.ok(&request.auth(&token)).new_id();
    let orphan = array(100, 1);
    assert_eq!(write(&mut key, &orphan, 960, Some(&token)), 0);
    let token = key.token(CM, None);
    let params = numbered([(2, descriptor(&id))]);
    key.ok(&credential_management(6).with(2, params).auth(&token));
    assert!(key.state().credentials().is_empty());
    assert_eq!(read(&mut key), orphan);
}

// LB-40
#[test]
fn a_token_for_writing_configures_nothing() {
    let mut key = Key::with_pin();
    let token = key.token(LBW, None);
    assert_eq!(key.status(&config(4).auth(&token)), 0x33);
}
