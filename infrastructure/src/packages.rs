//! The port [`PackageReader`]: hands a package to a child process, which says what it is and what is in it.

mod bounded;
mod contents;
mod declared;
mod difypkg;
mod icon;
mod json;
mod lbpkg;
mod manifest_json;
mod package_json;
pub mod read;
pub mod tarball;

use std::{path::Path, time::Duration};

use application::{
    failure::Failure,
    ports::packages::{Package, PackageReader, PackedFile},
};
use async_trait::async_trait;
use domain::plugin::PackageFormat;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::isolation::{Isolation, Slots, Work};

/// Reading a package of the largest size takes a few seconds on a slow machine.
const TIME: Duration = Duration::from_mins(1);

/// Reads packages in child processes.
#[derive(Debug, Clone)]
pub struct IsolatedReader {
    isolation: Isolation,
    slots: Slots,
}

impl IsolatedReader {
    pub fn new(isolation: Isolation) -> Self {
        Self { isolation, slots: Slots::default() }
    }

    async fn run<T: DeserializeOwned>(&self, work: &Work) -> Result<T, Failure> {
        let never = CancellationToken::new();
        let _slot = self.slots.take(&never).await?;
        self.isolation.run(work, TIME, &|_, _| {}, &never).await
    }
}

#[async_trait]
impl PackageReader for IsolatedReader {
    async fn read(&self, file: &Path, wanted: &[PackageFormat]) -> Result<Package, Failure> {
        let work =
            Work::ReadPackage(Box::new(read::Request { package: file.to_owned(), wanted: wanted.to_vec() }));
        self.run(&work).await
    }

    async fn file(&self, package: &Path, name: &str, largest: u64) -> Result<Option<PackedFile>, Failure> {
        let request = read::FileRequest { package: package.to_owned(), name: name.to_owned(), largest };
        self.run(&Work::ReadFile(Box::new(request))).await
    }
}
