//! What is no profile, and what is said then.

use super::*;
use crate::faults::MAX_FAULTS;

#[test]
fn mistakes_are_told_with_their_line_and_the_cure() {
    const SEE: &str = "docs/profiles.md explains every key and value";
    let told = |line: usize, what: &str, next: &str| {
        format!("profile test.toml, line {line}: {what}\nnext: {next}{SEE}")
    };
    let long = format!("[getInfo]\nmaxMsgSize = 1200\nextensions = [\"{}\"]", "x".repeat(4096));
    let cases = [
        (
            "\n\n[options]\nclientpin = true",
            told(4, "unknown key `clientpin`", "write `clientPin`; "),
        ),
        ("maxMsgSise = 1", told(1, "unknown key `maxMsgSise`", "write `maxMsgSize`; ")),
        ("zzz = 1", told(1, "unknown key `zzz`", "")),
        ("algorithms = [\n\"ES265\"]", told(2, "unknown value `ES265`", "write `ES256`; ")),
        (
            "[attestation]\ntype = \"full\"",
            told(2, "unknown value `full`", "use one of: basic, self, none; "),
        ),
        (
            "[reset]\nusb = \"tap\"",
            told(2, "unknown value `tap`", "use one of: re-insert and touch, touch twice; "),
        ),
        ("[attestation.files]\nkeys = \"a\"", told(2, "unknown key `keys`", "write `key`; ")),
        ("\nextends = \"defualt\"", told(2, "unknown profile `defualt`", "write `default`; ")),
        (
            "extends = 1",
            told(1, "a profile is extended by its name, as in extends = \"default\"", ""),
        ),
        (
            "capacity = \"x\"",
            told(1, "invalid type: string \"x\", expected a whole number, not negative", ""),
        ),
        ("options = 5", told(1, "invalid type: integer `5`, expected a table", "")),
        (
            "\naaguid = \"c196\"",
            told(2, "an aaguid looks like c196d97f-64cf-465a-ab5d-aaf18b481fc4", ""),
        ),
        ("capacity = 1\ncapacity = 2", told(2, "duplicate key", "")),
        (
            "\nimitates = \" \"",
            "profile test.toml, line 2: `imitates` is the name of a model, and there is none\n\
             next: write the model's name, or leave `imitates` out"
                .to_owned(),
        ),
        (
            &*long,
            "profile test.toml, line 3: extensions is too long: all that [getInfo] tells has at most 4096 bytes (MSG-61)\n\
             next: shorten it"
                .to_owned(),
        ),
        ("[options\n", told(1, "unclosed table, expected `]`", "")),
    ];
    for (text, expected) in cases {
        assert_eq!(refusal(text), expected, "{text}");
    }
}

#[test]
fn a_name_that_is_neither_built_in_nor_a_file_is_told_the_nearest_and_what_there_is() {
    let error = describe(&Profile::load("boi").unwrap_err());
    let expected = "there is no profile boi\n\
         next: use bio, which is similar; or one of: default, fido2.1, fido2.0, u2f-only, bio, everything; or a TOML file";
    assert_eq!(error, expected);
    let error = describe(&Profile::load("passkeys").unwrap_err());
    assert!(error.contains("\nnext: use one of: default") && error.ends_with("./passkeys.toml"));
    let error = describe(&Profile::load("./no/such.toml").unwrap_err());
    assert!(error.starts_with("cannot read the profile ./no/such.toml: "), "{error}");
}

#[test]
fn contradictions_are_told_with_their_rule_and_the_line_of_one_of_them() {
    let told = |line: usize, what: &str| {
        format!(
            "profile test.toml contradicts itself, line {line}: {what}\n\
             next: change one of these settings; docs/profiles.md says what each of them means"
        )
    };
    let cases = [
        (1, "extensions = []", "FIDO_2_1 and later need the extension hmac-secret (GI-110)"),
        (1, "versions = [\"FIDO_2_3\"]", "FIDO_2_3 needs FIDO_2_1 and FIDO_2_0 beside it (GI-101)"),
        (
            2,
            "[options]\ncredMgmt = false\nrk = false",
            "perCredMgmtRO needs credMgmt, user verification, and FIDO_2_1 or later for its token (GI-86)",
        ),
        (
            3,
            "extends = \"fido2.0\"\nversions = [\"FIDO_2_1_PRE\", \"FIDO_2_0\"]\noptions.perCredMgmtRO = true\noptions.credMgmt = false\noptions.credentialMgmtPreview = true",
            "perCredMgmtRO needs credMgmt, user verification, and FIDO_2_1 or later for its token (GI-86)",
        ),
        (
            3,
            "authenticatorConfigCommands = [\"setMinPINLength\"]\n[options]\nalwaysUv = true",
            "alwaysUv needs the configuration command toggleAlwaysUv (GI-78)",
        ),
        (
            2,
            "extends = \"fido2.0\"\nextensions = [\"hmac-secret\", \"largeBlobKey\"]",
            "the extension largeBlobKey needs largeBlobs (GI-81)",
        ),
        (
            2,
            "extends = \"fido2.0\"\nextensions = [\"hmac-secret\", \"minPinLength\"]",
            "the extension minPinLength needs the configuration command setMinPINLength (GI-84)",
        ),
        (1, "pinUvAuthProtocols = [2, 3]", "the PIN/UV auth protocols are 1 and 2 (GI-15)"),
        (
            1,
            "capacity = 0",
            "the capacity is 1 to 100000, and without discoverable credentials rk is false (GI-29)",
        ),
        (
            1,
            "maxSerializedLargeBlobArray = 65537",
            "maxSerializedLargeBlobArray is at most 65536 (LB-02)",
        ),
        (1, "transports = []", "a key needs a transport, and lists each once (GI-18)"),
        (
            1,
            "transportsForReset = [\"smart-card\"]",
            "transportsForReset are one or more of the transports, listed once each (GI-35)",
        ),
        (
            2,
            "extends = \"fido2.0\"\nalgorithms = [\"EdDSA\"]",
            "a key of FIDO_2_0 alone lists no algorithms, and platforms take it for granted that it has ES256 (GI-19)",
        ),
        (
            1,
            "maxLargeBlobLength = 63\nextensions = [\"hmac-secret\", \"credProtect\", \"largeBlob\"]\n[options]\nlargeBlobs = false",
            "maxLargeBlobLength is at least 64 bytes, or hardly any blob could be written (EX-76)",
        ),
        (
            1,
            "keyProtection = [\"hardware\", \"software\"]",
            "keyProtection software excludes hardware, tee and secure_element, and these two need hardware (AT-61)",
        ),
        (
            2,
            "[credentials]\nsignCountStart = 4294967295",
            "signCountStart is less than 4294967295, because the first signature says one more (GA-31)",
        ),
        (
            2,
            "extends = \"bio\"\nmaxTemplates = 0",
            "a sensor needs a maxTemplates of 1 to 88, a maxCaptureSamplesRequiredForEnroll of 2 to 64, and a preferredPlatformUvAttempts that is not 0 (BE-21)",
        ),
        (1, "vendorId = 0", "the vendorId is not 0, which some hosts refuse (HD-94)"),
        (1, "description = \"\"", "the description is 1 to 63 ASCII characters (AT-51)"),
        (
            1,
            "algorithms = [\"ES256\", \"ES256\"]",
            "versions, algorithms and PIN/UV auth protocols may be listed only once each (GI-19)",
        ),
        (
            6,
            SENSOR_WITHOUT_PIN,
            "a fingerprint sensor needs clientPin: only a PIN can authorise enrolling the first finger (BE-31)",
        ),
    ];
    for (line, text, what) in cases {
        assert_eq!(refusal(text), told(line, what), "{text}");
    }
    let simple = "pinComplexityPolicy = true\n[shipped]\npin = \"1111\"\n";
    assert!(
        refusal(simple).contains("refuses a shipped PIN of one character"),
        "{}",
        refusal(simple)
    );
    let limits = "capacity = 100000\nmaxSerializedLargeBlobArray = 65536";
    assert_eq!(config(&profile(limits)).capacity, 100_000);
}

/// No finger could ever be enrolled on it.
const SENSOR_WITHOUT_PIN: &str = r#"
extends = "bio"
authenticatorConfigCommands = ["toggleAlwaysUv", "enableLongTouchForReset"]
extensions = ["credBlob", "credProtect", "hmac-secret", "hmac-secret-mc", "thirdPartyPayment"]
[options]
clientPin = false
"#;

#[test]
fn a_profile_whose_answers_are_longer_than_announced_is_told_what_it_takes() {
    // MSG-60
    for text in [
        "algorithms = [\"ML-DSA-65\"]",
        "algorithms = [\"ML-DSA-44\"]\nmaxMsgSize = 1024",
        "algorithms = [\"ML-DSA-65\"]\nmaxMsgSize = 1024\n[attestation]\ntype = \"self\"",
    ] {
        let refusal = refusal(text);
        let (_, rest) = refusal.split_once("maxMsgSize must be at least ").expect(&refusal);
        let (size, rest) = rest.split_once(", because").expect(&refusal);
        assert!(size.parse::<usize>().unwrap() > 2500 && rest.contains("(MSG-60)"), "{refusal}");
    }
}

#[test]
fn new_credentials_that_contradict_themselves_are_refused() {
    let cases = [
        ("backupState = true", "MC-76"),
        ("backupEligibility = true", "AT-67"),
        ("signCount = \"perCredential\"", "MC-77"),
    ];
    are_refused("credentials", &cases);
    let unknown = refusal("[credentials]\nsignCount = \"globl\"\n");
    assert!(unknown.contains("next: write `global`"), "{unknown}");
}

#[test]
fn a_member_that_is_none_or_of_another_kind_is_refused() {
    let cases = [
        ("maxMsgSiz = 1", "unknown member `maxMsgSiz` of getInfo"),
        ("omit = [\"maxPinLength\"]", "unknown member `maxPinLength` of getInfo"),
        ("maxMsgSize = -1", "maxMsgSize of getInfo is a whole number, not negative"),
        ("versions = [1]", "versions of getInfo is a list of texts"),
        ("aaguid = \"xy\"", "aaguid of getInfo is a text of 32 hexadecimal digits"),
        ("encIdentifier = \"00\"", "encIdentifier of getInfo is a text of 64 hexadecimal digits"),
        ("omit = true", "omit is a list of names"),
        ("omit = [\"versions\"]", "line 2: no platform reads a getInfo without versions (GI-10"),
        ("omit = [\"aaguid\"]", "next: take aaguid out of `omit`"),
    ];
    are_refused("getInfo", &cases);
    for (table, value) in [("options", "plat = \"maybe\""), ("certifications", "FIDO = -1")] {
        let said = refusal(&format!("[getInfo.{table}]\n\n{value}\n"));
        assert!(said.contains("line 3: invalid "), "{said}");
    }
    assert!(refusal("[getInfo]\nmaxMsgSiz = 1").contains("write `maxMsgSize`"));
}

#[test]
fn a_fault_that_is_none_is_told_with_its_line_and_the_cure() {
    let first = "[[faults]]\nkind = \"busy\"\n\n";
    let told = |text: &str| refusal(&format!("{first}[[faults]]\n{text}"));
    let expected =
        "profile test.toml, line 4: there is no fault and no recipe bsy\nnext: write busy";
    assert_eq!(told("kind = \"bsy\""), expected);
    assert!(told("kind = \"busy\"\nbytes = 1").ends_with("\nnext: leave out bytes"));
    assert!(
        refusal("faults = [5]").contains("line 1: invalid type: integer `5`, expected a table")
    );
    assert!(profile(&first.repeat(MAX_FAULTS)).faults().len() == MAX_FAULTS);
    assert!(refusal(&first.repeat(MAX_FAULTS + 1)).contains("a key has 64 faults at most"));
}

#[test]
fn what_a_key_tells_and_does_not_do_is_refused_unless_it_imitates_somebody() {
    let text = "[getInfo]\nextensions = [\"hmac-secret\", \"exts\"]\nmaxCredentialIdLength = 300\n";
    let said = refusal(text);
    assert!(said.contains("[getInfo] says that the key can do what it cannot do: "), "{said}");
    assert!(said.contains("extensions: exts; maxCredentialIdLength: 300, but it is"), "{said}");
    assert!(said.contains("\nnext: remove that, or name the model"), "{said}");
    Profile::from_toml("test.toml", &format!("imitates = \"A model\"\n{text}")).unwrap();
    let less = "[getInfo]\nversions = [\"FIDO_2_1\", \"FIDO_2_0\"]\nomit = [\"maxPINLength\"]\nomitOptions = [\"up\"]\n";
    Profile::from_toml("test.toml", less).unwrap();
    for (silence, what) in [
        ("omit = [\"extensions\"]", "extensions"),
        ("omit = [\"pinUvAuthProtocols\"]", "pinUvAuthProtocols"),
        ("omitOptions = [\"credMgmt\", \"rk\"]", "options.credMgmt, options.rk"),
        ("omitOptions = [\"setMinPINLength\"]", "options.setMinPINLength"),
        ("omitOptions = [\"alwaysUv\"]", "options.alwaysUv"),
        ("extensions = [\"hmac-secret\"]", "extensions"),
        ("pinUvAuthProtocols = [1]", "pinUvAuthProtocols"),
        ("algorithms = [-8]", "algorithms"),
        ("versions = [\"FIDO_2_0\"]", "versions"),
    ] {
        let text = format!("[getInfo]\n{silence}\n");
        let told = format!("line 2: [getInfo] leaves out what the key does: {what}\nnext: ");
        assert!(refusal(&text).contains(&told), "{}", refusal(&text));
        Profile::from_toml("test.toml", &format!("imitates = \"A model\"\n{text}")).unwrap();
    }
    // Silence has a meaning, which may not be true.
    let said = refusal(&format!("maxPINLength = 8\n{less}"));
    let what = "line 1: [getInfo] says that the key can do what it cannot do: maxPINLength: 63, since it is left out, but it is 8";
    assert!(said.contains(what), "{said}");
}

#[test]
fn a_key_in_a_usb_port_that_tells_other_transports_alone_is_refused_unless_it_imitates_somebody() {
    // GI-18
    let told = |text: &str| profile(text).check_usb().map_err(|error| describe(&error));
    for text in ["transports = [\"nfc\"]", "[getInfo]\ntransports = [\"nfc\"]"] {
        let said = told(text).unwrap_err();
        assert!(
            said.contains("the key is reached over USB, and its transports do not say so (GI-18)")
        );
        assert!(
            said.ends_with(
                "next: add \"usb\" to `transports`; or make it a card, with `keyfob card`"
            ),
            "{said}"
        );
        assert_eq!(told(&format!("imitates = \"A model\"\n{text}")), Ok(()));
    }
    assert_eq!(told("transports = [\"nfc\", \"usb\"]"), Ok(()));
    assert_eq!(told("[getInfo]\nomit = [\"transports\"]"), Ok(()));
}

#[test]
fn a_state_that_no_key_can_be_shipped_in_is_refused() {
    let cases = [
        ("pin = \"123\"", "CP-20"),
        ("forcePINChange = true", "CF-45"),
        ("ep = true", "GI-77"),
        ("fingers = [1]", "BE-21"),
    ];
    are_refused("shipped", &cases);
    for finger in [0, 11] {
        let said = refusal(&format!("extends = \"bio\"\n[shipped]\nfingers = [{finger}]\n"));
        assert!(said.contains("shipped fingers are numbers from 1 to 10 (BE-21)"), "{said}");
    }
}

/// Each of these lines in this table, with what is said of it.
fn are_refused(table: &str, cases: &[(&str, &str)]) {
    for (text, what) in cases {
        let said = refusal(&format!("[{table}]\n{text}\n"));
        assert!(said.contains(what) && said.contains("next: "), "{said}");
    }
}

#[test]
fn a_file_that_is_longer_than_any_profile_is_not_read_to_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("long.toml");
    let name = path.to_str().unwrap();
    let of = |length: u64| {
        fs::write(&path, "#".repeat(length as usize)).unwrap();
        Profile::load(name)
    };
    assert!(of(LONGEST_FILE).is_ok());
    let told = describe(&of(LONGEST_FILE + 1).unwrap_err());
    assert!(told.contains("it is longer than 262144 bytes"), "{told}");
    let told = describe(&Profile::load("/dev/null").unwrap_err());
    assert!(told.contains("it is not a regular file"), "{told}");
}
