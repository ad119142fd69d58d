//! What the operator and the probes ask.

use application::Error;
use async_trait::async_trait;
use serde_json::{Value, json};

use super::Fakes;
use crate::{
    admin::Projections,
    health::{Fallback, Health},
};

#[async_trait]
impl Health for Fakes {
    async fn ready(&self) -> Result<(), &'static str> {
        self.up().map(drop).map_err(|_down| "DATABASE")
    }

    fn fallback(&self) -> Fallback {
        Fallback::default()
    }
}

#[async_trait]
impl Projections for Fakes {
    async fn list(&self) -> Result<Value, Error> {
        Ok(json!({"projections": []}))
    }

    async fn rebuild(&self, name: &str) -> Result<Value, Error> {
        if name != "tasks" {
            return Err(Error::not_found("No such read model"));
        }
        // Somebody may go away meanwhile.
        tokio::task::yield_now().await;
        self.lock().rebuilt += 1;
        Ok(json!({"name": name}))
    }

    async fn retry(&self, name: &str) -> Result<Value, Error> {
        self.rebuild(name).await
    }
}
