//! The little of DER (X.690) that RSA keys need.

const INTEGER: u8 = 2;
const BIT_STRING: u8 = 3;
const SEQUENCE: u8 = 0x30;
/// `rsaEncryption` without parameters (RFC 3279), as it stands in the wrapped form of a key.
const RSA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// A sequence of unsigned numbers, each big-endian.
pub(super) fn numbers(numbers: &[&[u8]]) -> Vec<u8> {
    let content: Vec<u8> = numbers.iter().flat_map(|number| value(INTEGER, &unsigned(number))).collect();
    value(SEQUENCE, &content)
}

/// Without leading zeros, but for one before a bit that would be a sign.
fn unsigned(number: &[u8]) -> Vec<u8> {
    let first = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    let number = &number[first..];
    let sign = number.first().is_none_or(|first| first & 0x80 != 0).then_some(0);
    sign.into_iter().chain(number.iter().copied()).collect()
}

fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut all = vec![tag];
    let length = content.len().to_be_bytes();
    let first = length.iter().position(|byte| *byte != 0).unwrap_or(length.len() - 1);
    let length = &length[first..];
    if content.len() >= 0x80 {
        // At most eight bytes say a length.
        all.push(0x80 | u8::try_from(length.len()).unwrap_or(8));
    }
    all.extend(length);
    all.extend(content);
    all
}

/// The PKCS#1 key inside the form that names its algorithm.
pub(super) fn unwrapped(der: &[u8]) -> Option<&[u8]> {
    let (all, end) = read(SEQUENCE, der)?;
    let (algorithm, key) = read(SEQUENCE, all)?;
    let (bits, after) = read(BIT_STRING, key)?;
    (algorithm == RSA && end.is_empty() && after.is_empty()).then_some(())?;
    bits.strip_prefix(&[0])
}

/// Whether these are a modulus and an exponent and nothing else.
pub(super) fn is_public_key(der: &[u8]) -> bool {
    let two = || {
        let (all, end) = read(SEQUENCE, der)?;
        let (_modulus, rest) = read(INTEGER, all)?;
        let (_exponent, after) = read(INTEGER, rest)?;
        (end.is_empty() && after.is_empty()).then_some(())
    };
    two().is_some()
}

/// The content of the first value, if it has this tag, and what follows it.
fn read(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let [found, length, rest @ ..] = der else { return None };
    (*found == tag).then_some(())?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(*length), rest),
        0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            (bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_standard_says() {
        assert_eq!(numbers(&[&[0]]), [0x30, 3, 2, 1, 0]);
        assert_eq!(numbers(&[&[0, 0, 5], &[0x80]]), [0x30, 7, 2, 1, 5, 2, 2, 0, 0x80]);
        let long = numbers(&[&[1; 300]]);
        assert_eq!(long[..8], [0x30, 0x82, 1, 0x30, 2, 0x82, 1, 0x2c]);
        assert!(!is_public_key(&long) && is_public_key(&numbers(&[&[1; 300], &[1, 0, 1]])));
    }

    #[test]
    fn a_key_is_found_inside_the_form_that_names_its_algorithm() {
        let key = numbers(&[&[9; 256], &[1, 0, 1]]);
        let wrapped = |algorithm: &[u8], unused: u8| {
            let bits: Vec<u8> = [&[unused], key.as_slice()].concat();
            value(SEQUENCE, &[value(SEQUENCE, algorithm), value(BIT_STRING, &bits)].concat())
        };
        assert_eq!(unwrapped(&wrapped(RSA, 0)), Some(key.as_slice()));
        assert_eq!(unwrapped(&wrapped(&RSA[..11], 0)), None);
        assert_eq!(unwrapped(&wrapped(RSA, 1)), None);
        assert_eq!(unwrapped(&[wrapped(RSA, 0), vec![0]].concat()), None);
    }

    #[test]
    fn a_length_that_lies_is_not_read() {
        for der in [&[0x30][..], &[0x30, 5, 1], &[0x30, 0x84, 0, 0, 0, 0], &[0x30, 0x82, 1], &[2, 0]] {
            assert!(read(SEQUENCE, der).is_none(), "{der:?}");
            assert!(unwrapped(der).is_none() && !is_public_key(der));
        }
    }
}
