//! Short-lived tokens: JWT with HS256, one key, known by its id. What is not exactly as it is written here is refused:
//! another algorithm, another key, a key that the header brings along, a claim that is missing or twice.
//!
//! Expiry is judged to the second by the time that is given; a token from the future by a minute at most is taken,
//! because the clocks of nodes differ.

mod provider;
#[cfg(test)]
mod tests;

use application::{
    error::Error,
    ports::{
        credentials::{Claims, SignedTokens},
        vault::Secret,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Duration, Utc};
use domain::values::{AccountId, Dialect, KeyId, Role};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

const ISSUER: &str = "plugyard";
/// A token of ours has about 400 bytes.
const LONGEST: usize = 2 * 1024;
const SKEW: Duration = Duration::seconds(60);

pub struct JwtTokens {
    key_id: String,
    signing: EncodingKey,
    verifying: DecodingKey,
    validation: Validation,
}

/// Exactly these three members (RFC 7515, 4.1).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadHeader {
    alg: String,
    typ: String,
    kid: String,
}

/// RFC 7519, 4.1; times in seconds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    iss: String,
    aud: Dialect,
    sub: AccountId,
    sid: KeyId,
    role: Role,
    iat: i64,
    exp: i64,
    /// Tells two tokens of one session and second apart.
    jti: Uuid,
}

impl JwtTokens {
    pub fn new(key: [u8; 32]) -> Self {
        provider::install();
        let digest = Sha256::new().chain_update(b"plugyard token key id\0").chain_update(key).finalize();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&Dialect::WITH_CREDENTIALS.map(Dialect::as_str));
        // Against the time that is given, and not against the library's own.
        validation.validate_exp = false;
        Self {
            key_id: hex::encode(&digest[..8]),
            signing: EncodingKey::from_secret(&key),
            verifying: DecodingKey::from_secret(&key),
            validation,
        }
    }

    fn is_ours(&self, token: &str) -> Option<()> {
        let (header, _) = token.split_once('.')?;
        let header = URL_SAFE_NO_PAD.decode(header).ok()?;
        let ReadHeader { alg, typ, kid } = serde_json::from_slice(&header).ok()?;
        (alg == "HS256" && typ == "JWT" && kid == self.key_id).then_some(())
    }

    /// What it says, whether it is good now or not.
    fn verified(&self, token: &str) -> Option<Claims> {
        if token.len() > LONGEST {
            return None;
        }
        self.is_ours(token)?;
        let body = jsonwebtoken::decode::<Body>(token, &self.verifying, &self.validation).ok()?.claims;
        Some(Claims {
            session: body.sid,
            account: body.sub,
            role: body.role,
            dialect: body.aud,
            issued_at: DateTime::from_timestamp(body.iat, 0)?,
            expires_at: DateTime::from_timestamp(body.exp, 0)?,
        })
    }
}

impl SignedTokens for JwtTokens {
    fn sign(&self, claims: &Claims) -> Result<Secret, Error> {
        let header = Header { kid: Some(self.key_id.clone()), ..Header::new(Algorithm::HS256) };
        let body = Body {
            iss: ISSUER.to_owned(),
            aud: claims.dialect,
            sub: claims.account,
            sid: claims.session,
            role: claims.role,
            iat: claims.issued_at.timestamp(),
            exp: claims.expires_at.timestamp(),
            jti: Uuid::new_v4(),
        };
        jsonwebtoken::encode(&header, &body, &self.signing).map(Secret::from).map_err(|error| {
            tracing::error!(%error, "a token could not be signed");
            Error::unavailable()
        })
    }

    fn read(
        &self,
        token: &str,
        audience: Option<Dialect>,
        now: DateTime<Utc>,
    ) -> Result<Option<Claims>, Error> {
        let fits = |claims: &Claims| audience.is_none_or(|audience| audience == claims.dialect);
        let in_time = |claims: &Claims| now < claims.expires_at && claims.issued_at - SKEW <= now;
        Ok(self.verified(token).filter(|claims| fits(claims) && in_time(claims)))
    }
}
