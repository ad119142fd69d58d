use std::os::unix::fs::PermissionsExt;

use super::*;

fn tools(directory: &Path) -> Tools {
    let directory = directory.join("tools");
    let environment = vec![("PATH".to_owned(), String::new())];
    Tools { uv: None, python: None, attendant: None, directory, environment }
}

fn program(directory: &Path, says: &str) -> PathBuf {
    let path = directory.join("program");
    std::fs::write(&path, format!("#!/bin/sh\necho '{says}'\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[tokio::test]
async fn a_given_uv_is_used_under_the_version_it_says() {
    let dir = tempfile::tempdir().unwrap();
    let given = program(dir.path(), "uv 0.11.7 (x86_64-unknown-linux-musl)");
    let uv = Uv::new(Tools { uv: Some(given.clone()), ..tools(dir.path()) }, None);
    assert_eq!((uv.ready().await.unwrap(), uv.version()), (given, "0.11.7"));
    uv.probe().await;
    let status = uv.status();
    assert_eq!((status.uv.as_deref(), status.to_be_fetched, status.python), (Some("0.11.7"), false, None));
}

#[tokio::test]
async fn what_says_no_version_is_no_uv() {
    let dir = tempfile::tempdir().unwrap();
    let given = program(dir.path(), "something else");
    let uv = Uv::new(Tools { uv: Some(given), ..tools(dir.path()) }, None);
    assert_eq!(uv.ready().await.unwrap_err(), unavailable());
    uv.probe().await;
    assert_eq!(uv.status(), Status::default());
}

#[tokio::test]
async fn without_an_index_and_a_python_there_is_none_and_a_changed_one_is_not_taken() {
    let dir = tempfile::tempdir().unwrap();
    let uv = Uv::new(tools(dir.path()), None);
    assert_eq!(uv.ready().await.unwrap_err(), unavailable());
    let place = uv.place(uv.pin.unwrap());
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::fs::rename(program(dir.path(), "uv 0.13.8"), &place).unwrap();
    assert_eq!(uv.ready().await.unwrap_err(), unavailable());
    uv.probe().await;
    assert!(!uv.status().to_be_fetched);
}
