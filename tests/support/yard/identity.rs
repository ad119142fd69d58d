//! The verbs of identity: keys and users by command line, requests with a credential.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{ADMIN, Yard};
use crate::{Answer, Cli, command_line::Ran};

/// A key as `plugyard token create --json` prints it.
#[derive(Debug, Clone)]
pub struct Token {
    pub id: String,
    pub secret: String,
    pub printed: Value,
}

impl Token {
    fn read(printed: Value) -> Self {
        let member =
            |name: &str| printed[name].as_str().unwrap_or_else(|| panic!("{name}: {printed}")).to_owned();
        Self { id: member("id"), secret: member("token"), printed }
    }

    /// As clients of Inkdrop send it.
    pub fn basic(&self) -> String {
        basic(&self.id, &self.secret)
    }
}

/// The value of an `Authorization` header.
pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
}

impl Yard {
    /// A key of an owner of its own. Several dialects: joined with commas.
    pub async fn token(&self, dialects: &str, role: &str) -> Token {
        self.token_of(&format!("holder-of-{}-{role}", dialects.replace(',', "-")), dialects, role).await
    }

    pub async fn token_of(&self, name: &str, dialects: &str, role: &str) -> Token {
        self.token_with(&["--name", name, "--dialect", dialects, "--role", role]).await
    }

    pub async fn token_with(&self, arguments: &[&str]) -> Token {
        let command = self.cli().args(["token", "create", "--json"]).args(arguments.iter().copied());
        Token::read(command.run().await.expect(0).json())
    }

    /// A key made over REST, with the members of this request beside its owner.
    pub async fn key(&self, owner: &str, mut wish: Value) -> Token {
        wish["owner"] = owner.into();
        Token::read(self.post_as("/identity/keys", ADMIN, &wish).await.expect(201).json())
    }

    /// A key of this role for these dialects.
    pub async fn key_for(&self, owner: &str, dialects: &[&str], role: &str) -> Token {
        self.key(owner, json!({ "dialects": dialects, "role": role })).await
    }

    pub async fn revoke(&self, token: &Token) {
        self.cli().args(["token", "revoke", &token.id]).run().await.expect(0);
    }

    /// An account that can log in.
    pub async fn user(&self, name: &str, password: &str, role: &str) {
        let command = self.cli().set("PLUGYARD_USER_PASSWORD", password);
        command.args(["user", "set", name, "--role", role]).run().await.expect(0);
    }

    /// A command of the binary beside this server that must succeed.
    pub async fn command(&self, arguments: &[&str]) -> Ran {
        let cli: Cli = self.cli();
        cli.args(arguments.iter().copied()).run().await.expect(0)
    }

    /// A session of Nexus: its access and its refresh token.
    pub async fn log_in(&self, name: &str, password: &str) -> (String, String) {
        let body = json!({ "username": name, "password": password });
        let answer = self.post("/nexus/api/v1/auth/login", &body).await.expect(200).json();
        let token = |kind: &str| answer["data"]["tokens"][kind].as_str().expect("a token").to_owned();
        (token("access_token"), token("refresh_token"))
    }

    pub fn bearing(&self, method: Method, path: &str, secret: &str) -> RequestBuilder {
        self.request(method, path).bearer_auth(secret)
    }

    pub async fn get_as(&self, path: &str, secret: &str) -> Answer {
        self.send(self.bearing(Method::GET, path, secret)).await
    }

    pub async fn post_as(&self, path: &str, secret: &str, body: &Value) -> Answer {
        self.send(self.bearing(Method::POST, path, secret).json(body)).await
    }
}
