//! Names that say that their value is a secret, as `LangBot` reads them.

const NAMES: [&str; 11] = [
    "api_key",
    "apikey",
    "auth",
    "authorization",
    "cookie",
    "credentials",
    "database_url",
    "dsn",
    "key",
    "proxy_authorization",
    "set_cookie",
];
const WORDS: [&str; 6] = ["credential", "credentials", "passwd", "password", "secret", "token"];
/// What makes a key a secret one.
const KINDS_OF_KEY: [&str; 9] =
    ["access", "api", "auth", "bearer", "client", "debug", "encryption", "private", "signing"];

pub(super) fn is_secret(name: &str) -> bool {
    let words = words(name);
    let has = |known: &[&str]| words.iter().any(|word| known.contains(&word.as_str()));
    NAMES.contains(&words.join("_").as_str()) || has(&WORDS) || (has(&["key"]) && has(&KINDS_OF_KEY))
}

/// Lower-case words, apart where a capital follows a small letter or a digit, and at whatever is neither letter nor
/// digit of ASCII.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut last = ' ';
    for letter in name.chars() {
        let inside = letter.is_ascii_alphanumeric();
        let hump = letter.is_ascii_uppercase() && (last.is_ascii_lowercase() || last.is_ascii_digit());
        if !inside || hump {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| inside) {
            word.push(letter.to_ascii_lowercase());
        }
        last = letter;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_secret_as_a_whole_by_a_word_or_as_a_kind_of_key() {
        let secret = [
            "api_key",
            "apikey",
            "apiKey",
            "APIKey",
            "API-KEY",
            "auth",
            "Authorization",
            "cookie",
            "Set-Cookie",
            "credentials",
            "databaseUrl",
            "DATABASE_URL",
            "dsn",
            "key",
            "Key",
            "proxy-authorization",
            "bot_token",
            "botToken",
            "token2Token",
            "my password",
            "user.passwd",
            "client_secret",
            "credential",
            "aws_credentials_file",
            "private_key_pem",
            "signingKeyId",
            "debugKey",
            "keyForClient",
            " key ",
        ];
        for name in secret {
            assert!(is_secret(name), "{name}");
        }
        let plain = [
            "",
            "keyboard",
            "monkey",
            "public_key",
            "key_count",
            "keys",
            "tokens",
            "tokenizer",
            "author",
            "authentication",
            "secretary",
            "cookies",
            "url",
            "database",
            "passwords",
            "accessible",
            "api",
            "TOKENS",
            "sEcret",
            "clé",
        ];
        for name in plain {
            assert!(!is_secret(name), "{name}");
        }
    }
}
