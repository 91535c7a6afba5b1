//! X.509 certificates as values of the notation: the fields that the standard has rules for (AT-20 to AT-29).

use ctap_client::Value;
use ctap_client::cbor::MapBuilder;
use x509_cert::certificate::Version;
use x509_cert::der::asn1::Any;
use x509_cert::der::{self, Decode as _, Encode as _, Tag, Tagged as _};
use x509_cert::ext::Extension;
use x509_cert::name::Name;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::time::Time;
use x509_cert::{Certificate, TbsCertificate};

use super::NoValue;

/// The certificate with this DER encoding as a map; vectors/README.md lists its members.
pub(super) fn described(der: &[u8]) -> Result<Value, NoValue> {
    let unreadable = |error: der::Error| {
        NoValue(format!("expected an X.509 certificate, got something else: {error}"))
    };
    let certificate = Certificate::from_der(der).map_err(unreadable)?;
    let contents = certificate.tbs_certificate();
    let map = described_contents(contents)
        .member("algorithm", certificate.signature_algorithm().oid.to_string())
        .member("signed", contents.to_der().map_err(unreadable)?)
        .member("signature", certificate.signature().raw_bytes());
    Ok(map.build())
}

fn described_contents(contents: &TbsCertificate) -> MapBuilder {
    let version = match contents.version() {
        Version::V1 => 1,
        Version::V2 => 2,
        Version::V3 => 3,
    };
    let key = contents.subject_public_key_info();
    MapBuilder::new()
        .member("version", version)
        .member("serial", contents.serial_number().as_bytes())
        .member("issuer", described_name(contents.issuer()))
        .member("subject", described_name(contents.subject()))
        .member("not_before", described_time(contents.validity().not_before))
        .member("not_after", described_time(contents.validity().not_after))
        .member("key", key.subject_public_key.raw_bytes())
        .member("curve", curve(key).unwrap_or(Value::Null))
        .member("extensions", described_extensions(contents.extensions().into_iter().flatten()))
}

/// The kind of the key: the parameters of its algorithm, or the name of its curve.
fn curve(key: &SubjectPublicKeyInfoOwned) -> Option<Value> {
    let AlgorithmIdentifierOwned { parameters, .. } = &key.algorithm;
    let curve: der::oid::ObjectIdentifier = parameters.as_ref()?.decode_as().ok()?;
    Some(curve.to_string().into())
}

/// An array for each kind of attribute: a name may have several of one kind.
fn described_name(name: &Name) -> Value {
    let mut kinds: Vec<(Value, Value)> = Vec::new();
    for attribute in name.iter() {
        let oid = attribute.oid.to_string();
        let known = ATTRIBUTES.iter().find(|(number, _)| *number == oid);
        let kind = Value::from(known.map_or(&*oid, |(_, name)| name));
        let value = described_string(&attribute.value);
        match kinds.iter_mut().find(|(present, _)| *present == kind) {
            Some((_, Value::Array(values))) => values.push(value),
            _ => kinds.push((kind, Value::Array(vec![value]))),
        }
    }
    Value::Map(kinds)
}

/// Text, or the bytes if it is not text.
fn described_string(string: &Any) -> Value {
    match (string.tag(), str::from_utf8(string.value())) {
        (Tag::Utf8String | Tag::PrintableString | Tag::Ia5String, Ok(text)) => text.into(),
        _ => string.value().into(),
    }
}

fn described_time(time: Time) -> Value {
    let form = match time {
        Time::UtcTime(_) => "UTCTime",
        Time::GeneralTime(_) => "GeneralizedTime",
    };
    let seconds = time.to_unix_duration().as_secs();
    MapBuilder::new().member("seconds", seconds).member("form", form).build()
}

fn described_extensions<'e>(extensions: impl Iterator<Item = &'e Extension>) -> Value {
    let described = extensions.map(|extension| {
        let value = extension.extn_value.as_bytes();
        let map = MapBuilder::new().member("critical", extension.critical).member("value", value);
        (extension.extn_id.to_string().into(), map.build())
    });
    Value::Map(described.collect())
}

/// The kinds of attribute that attestation certificates have (AT-21).
const ATTRIBUTES: [(&str, &str); 4] =
    [("2.5.4.3", "CN"), ("2.5.4.6", "C"), ("2.5.4.10", "O"), ("2.5.4.11", "OU")];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::notation::eval::find;
    use crate::notation::lexer::hex;

    /// Made with Python's `cryptography`: two units, serial number 7F01, valid from 2025 to 2060.
    fn sample() -> Vec<u8> {
        hex(SAMPLE).unwrap()
    }

    fn member<'v>(of: &'v Value, path: &[&str]) -> &'v Value {
        path.iter().fold(of, |value, name| find(value, &(*name).into()).unwrap())
    }

    #[test]
    fn every_field_is_where_the_guide_says() {
        let described = described(&sample()).unwrap();
        let units = Value::Array(vec!["Authenticator Attestation".into(), "Second".into()]);
        assert_eq!(member(&described, &["version"]), &3.into());
        assert_eq!(member(&described, &["serial"]), &[0x7F, 1][..].into());
        assert_eq!(member(&described, &["subject", "OU"]), &units);
        assert_eq!(member(&described, &["subject", "C"]), &Value::Array(vec!["DE".into()]));
        assert_eq!(member(&described, &["not_before", "seconds"]), &1_735_689_600.into());
        assert_eq!(member(&described, &["not_before", "form"]), &"UTCTime".into());
        assert_eq!(member(&described, &["not_after", "form"]), &"GeneralizedTime".into());
        assert_eq!(member(&described, &["curve"]), &"1.2.840.10045.3.1.7".into());
        assert_eq!(member(&described, &["algorithm"]), &"1.2.840.10045.4.3.2".into());
        assert_eq!(member(&described, &["key"]).as_bytes().map(|key| key.len()), Some(65));
        let model = member(&described, &["extensions", "1.3.6.1.4.1.45724.1.1.4"]);
        assert_eq!(member(model, &["critical"]), &false.into());
        let inner = [&[0x04, 0x10][..], &[0xAB; 16]].concat();
        assert_eq!(member(model, &["value"]), &inner.as_slice().into());
        let constraints = member(&described, &["extensions", "2.5.29.19"]);
        assert_eq!(member(constraints, &["critical"]), &true.into());
    }

    proptest! {
        #[test]
        fn no_damaged_certificate_makes_the_reader_panic(at: prop::sample::Index, byte: u8) {
            let mut damaged = sample();
            let at = at.index(damaged.len());
            damaged[at] = byte;
            let _ = described(&damaged);
            let _ = described(&damaged[..at]);
        }
    }

    const SAMPLE: &str = "\
        308201e83082018fa00302010202027f01300a06082a8648ce3d0403023062310b3009060355040613024445310d300b0603 \
        55040a0c045465737431223020060355040b0c1941757468656e74696361746f72204174746573746174696f6e310f300d06 \
        0355040b0c065365636f6e64310f300d06035504030c0653616d706c653020170d3235303130313030303030305a180f3230 \
        3630303130313030303030305a3062310b3009060355040613024445310d300b060355040a0c045465737431223020060355 \
        040b0c1941757468656e74696361746f72204174746573746174696f6e310f300d060355040b0c065365636f6e64310f300d \
        06035504030c0653616d706c653059301306072a8648ce3d020106082a8648ce3d03010703420004c0dfb02b0f9a00e49eda \
        404541bcfdf0bc2dff46f6268a1844bdad5374d33d228714453681ad6c6e9fe28e56488d9c114a9f852642cdba2e333bbc52 \
        257ebb74a3333031300c0603551d130101ff040230003021060b2b0601040182e51c01010404120410ababababababababab \
        ababababababab300a06082a8648ce3d04030203470030440220676748fe16691eaf29622926fde40cd53250161f13150b6c \
        607d2afa2bfcd03e02201827d42a14f351471cb3655bfc6f142b3d69634f1154acde947675e285342fa3";
}
