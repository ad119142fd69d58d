//! A new key pair. `ring` makes none, and the usual crate for RSA has an advisory without a fix; so the primes come
//! from `crypto-primes`, and `ring` judges the result before anybody gets it.

use std::{cmp::Ordering, thread};

use crypto_bigint::{BoxedUint, ConcatenatingMul as _, NonZero, Odd, Resize as _};
use crypto_primes::{Flavor, hazmat, is_prime, sieve_and_find};
use getrandom::{SysRng, rand_core::UnwrapErr};

use super::{Category, KeyError, PublicKey, SigningKey, der, pem};

/// What the daemon's own tool makes.
pub const BITS: u32 = 4096;
const HALF: u32 = BITS / 2;
const EXPONENT: u64 = 65_537;
/// Two primes must differ in their first bits, or their product is easy to take apart (FIPS 186-5, A.1.3).
const APART: u32 = HALF - 100;

/// Both keys as PKCS#1 PEM.
pub struct Generated {
    pub private: String,
    pub public: PublicKey,
}

/// Takes seconds. `tried` is called for every candidate, from two threads.
///
/// # Errors
/// `Unsound` when what was made does not sign, which is not to be expected.
pub fn generate(tried: &(dyn Fn() + Sync)) -> Result<Generated, KeyError> {
    // Later the primes take it from there without a way to say no.
    getrandom::fill(&mut [0; 32]).map_err(|_none| KeyError::NoRandomness)?;
    loop {
        let (one, other) = thread::scope(|both| {
            let other = both.spawn(|| prime(tried));
            (prime(tried), other.join().ok().flatten())
        });
        let (Some(one), Some(other)) = (one, other) else { return Err(KeyError::Unsound) };
        let (p, q) = match one.cmp_vartime(&other) {
            Ordering::Greater => (one, other),
            Ordering::Less | Ordering::Equal => (other, one),
        };
        if p.wrapping_sub(&q).bits() > APART {
            let private = private(&p, &q).ok_or(KeyError::Unsound)?;
            let private = pem::write("RSA PRIVATE KEY", &private);
            let public = SigningKey::read(&private, Category::default())?.public();
            return Ok(Generated { private, public });
        }
    }
}

/// Of half the bits of a key, the first two of them set, so that a product of two has all of them.
fn prime(tried: &(dyn Fn() + Sync)) -> Option<BoxedUint> {
    let fits = |candidate: &BoxedUint| {
        tried();
        let before = candidate.wrapping_sub(BoxedUint::one());
        !is_multiple_of_the_exponent(&before) && is_prime(Flavor::Any, candidate)
    };
    let sieve = hazmat::SmallFactorsSieveFactory::new(Flavor::Any, HALF, hazmat::SetBits::TwoMsb).ok()?;
    sieve_and_find(&mut UnwrapErr(SysRng), sieve, |_, candidate| fits(candidate)).ok()?
}

/// The exponent is prime, so it has an inverse unless it divides.
fn is_multiple_of_the_exponent(number: &BoxedUint) -> bool {
    let Some(exponent) = BoxedUint::from(EXPONENT).into_nz().into_option() else { return true };
    number.rem_vartime(&exponent).is_zero().into()
}

/// `RSAPrivateKey` of PKCS#1.
fn private(p: &BoxedUint, q: &BoxedUint) -> Option<Vec<u8>> {
    let one = BoxedUint::one();
    let (before_p, before_q) = (p.wrapping_sub(&one), q.wrapping_sub(&one));
    let modulus = p.concatenating_mul(q);
    let exponent = BoxedUint::from(EXPONENT);
    let order = nonzero(before_p.concatenating_mul(&before_q))?;
    let d: BoxedUint = exponent.clone().resize(BITS).invert_mod(&order).into_option()?;
    let d_p = d.rem(&nonzero(before_p)?);
    let d_q = d.rem(&nonzero(before_q)?);
    let odd: Odd<BoxedUint> = p.to_odd().into_option()?;
    let q_inverse = q.invert_odd_mod(&odd).into_option()?;
    let parts = [&modulus, &exponent, &d, p, q, &d_p, &d_q, &q_inverse].map(BoxedUint::to_be_bytes);
    let version: &[u8] = &[0];
    let all: Vec<&[u8]> = std::iter::once(version).chain(parts.iter().map(|part| &**part)).collect();
    Some(der::numbers(&all))
}

fn nonzero(number: BoxedUint) -> Option<NonZero<BoxedUint>> {
    number.into_nz().into_option()
}
