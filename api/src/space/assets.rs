//! Files out of the directory `assets` of a plugin's latest package: pictures of its readme, its icon. They are other
//! people's: a picture is shown where nothing in it runs, and everything else is for keeping.

use std::sync::Arc;

use application::{
    ports::packages::PackedFile, publishing::Publishing, queries::catalogue::CatalogueQueries,
};
use axum::{
    body::Body,
    extract::State,
    http::{
        HeaderMap, HeaderValue, Method,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY},
    },
    response::Response,
};
use domain::{plugin::PackageFormat, values::Digest};
use sha2::{Digest as _, Sha256};

use super::plugins::{Pair, shown};
use crate::{
    file_response::{self, BYTES, File},
    refusal::Refusal,
    security::RESOURCE_POLICY,
    served_blobs::{ANYWHERE, PICTURE, picture},
    services::Uploads,
};

const NO_ASSET: &str = "plugin asset not found";
/// The next release may have another one under the same name.
const FOR_A_WHILE: HeaderValue = HeaderValue::from_static("public, max-age=300");

pub(super) async fn asset(
    State(catalogue): State<Arc<dyn CatalogueQueries>>,
    State(publishing): State<Publishing>,
    State(Uploads(directory)): State<Uploads>,
    pair: Pair,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let no_asset = || Refusal::not_found(NO_ASSET);
    let view = shown(&*catalogue, &pair).await?;
    let release = view.latest().filter(|release| release.artifact.format == PackageFormat::Lbpkg);
    let release = release.ok_or_else(no_asset)?;
    let name = format!("assets/{}", pair.rest);
    let tag = tag_of(&release.artifact.sha256, &name);
    let mut response = if file_response::is_held(&headers, &tag) {
        not_modified(&method, &headers, &tag)
    } else {
        let file =
            publishing.asset(&release.artifact.sha256, &name, &directory).await?.ok_or_else(no_asset)?;
        given(&method, &headers, &tag, &name, file)?
    };
    response.headers_mut().insert(CACHE_CONTROL, FOR_A_WHILE);
    Ok(response)
}

/// The package and the name in it say which bytes these are.
pub(crate) fn tag_of(package: &Digest, name: &str) -> Digest {
    Digest::of_bytes(
        Sha256::new().chain_update(package.as_str()).chain_update([0]).chain_update(name).finalize().into(),
    )
}

fn not_modified(method: &Method, headers: &HeaderMap, tag: &Digest) -> Response {
    let file = File { sha256: tag, size: 0, name: "", media_type: BYTES, shown: false };
    let plan = file_response::plan(method, headers, &file);
    let mut response = Response::new(Body::empty());
    (*response.status_mut(), *response.headers_mut()) = (plan.status, plan.headers);
    response
}

pub(crate) fn given(
    method: &Method,
    headers: &HeaderMap,
    tag: &Digest,
    name: &str,
    PackedFile { image, bytes }: PackedFile,
) -> Result<Response, Refusal> {
    let media_type = image.as_deref().map_or(BYTES, picture);
    let shown = image.is_some();
    let name = name.rsplit('/').next().unwrap_or_default();
    let file = File { sha256: tag, size: bytes.len() as u64, name, media_type, shown };
    let plan = file_response::plan(method, headers, &file);
    let body = match plan.bytes {
        None => Body::empty(),
        Some(part) => {
            let at = |place: u64| usize::try_from(place).map_err(|_never_so_long| Refusal::internal());
            Body::from(bytes.slice(at(part.start)?..at(part.end)?))
        }
    };
    let mut response = Response::new(body);
    (*response.status_mut(), *response.headers_mut()) = (plan.status, plan.headers);
    if shown {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, PICTURE);
        response.headers_mut().insert(RESOURCE_POLICY, ANYWHERE);
    }
    Ok(response)
}
