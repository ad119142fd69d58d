use domain::values::Allowance;

use super::*;
use crate::limits::LimitName;

/// Flags; what looks like `NAME=value` is a variable.
pub(crate) fn settings(arguments: &[&str]) -> anyhow::Result<(Settings, Command)> {
    let in_capitals = |name: &str| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let variable = |argument: &str| argument.split_once('=').is_some_and(|(name, _)| in_capitals(name));
    let (variables, flags): (Vec<&str>, Vec<&str>) =
        arguments.iter().partition(|argument| variable(argument));
    let environment = variables.iter().filter_map(|variable| variable.split_once('=')).collect();
    let (options, command) = Arguments::try_parse_from(["plugyard"].into_iter().chain(flags))?.parts();
    Ok((Settings::new(options, &environment)?, command))
}

#[test]
fn without_a_command_it_serves_on_loopback() {
    let (settings, command) = settings(&["--data-dir", "/d"]).unwrap();
    assert!(matches!(command, Command::Serve { role: None }));
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8000");
    assert_eq!(settings.work_dir(), PathBuf::from("/d/work"));
    assert_eq!((settings.retention.as_secs(), settings.wheel_cache_bytes), (7 * 86_400, 20 << 30));
    assert_eq!(settings.rate_limits.of(LimitName::Dify), Allowance::new(10, 60));
}

#[test]
fn a_scan_command_is_split_at_spaces_and_an_empty_one_is_none() {
    let of = |line: &str| settings(&["--data-dir=/d", "PATH=/usr/bin", &format!("--scan-command={line}")]);
    let command = of(" clamdscan  --no-summary ").unwrap().0.scan_command.unwrap();
    assert_eq!((command.program, command.arguments), ("clamdscan".into(), vec!["--no-summary".into()]));
    assert_eq!(command.path, Some("/usr/bin".into()));
    assert!(
        of(" ").unwrap().0.scan_command.is_none()
            && settings(&["--data-dir=/d"]).unwrap().0.scan_command.is_none()
    );
}

#[test]
fn flags_are_taken_before_and_after_the_command() {
    for arguments in [["--listen", "[::1]:9", "serve"], ["serve", "--listen", "[::1]:9"]] {
        assert_eq!(settings(&arguments).unwrap().0.listen.to_string(), "[::1]:9");
    }
}

#[test]
fn a_secret_is_not_shown_by_a_debug_line() {
    let given = [
        "--data-dir=/d",
        "--index=https://u:hush@h/simple",
        "--index-files=https://u:hush@h/",
        "--blobs=s3://u:hush@bucket",
        "--marketplace-url=https://u:hush@market.example/api/v1",
        "PLUGYARD_ADMIN_TOKEN=hush",
        "PLUGYARD_SECRET_KEY=hush+hush+hush+hush+hush+hush+hush+hush+hus=",
        "DATABASE_URL=postgres://u:hush@h/d",
        "PLUGYARD_DISCORD_WEBHOOK=https://discord.example/api/webhooks/1/hush",
        "AWS_SECRET_ACCESS_KEY=hush",
    ];
    let (settings, _) = settings(&given).unwrap();
    assert_eq!(settings.admin_token.as_ref().unwrap().reveal(), "hush");
    assert_eq!(settings.blob_options.reveal().len(), 1);
    assert!(!format!("{settings:?}").contains("hush"), "{settings:?}");
}

#[test]
fn a_hook_that_is_no_address_is_refused_without_being_read_back() {
    for text in ["hush", "ftp://hush", "https://"] {
        let variable = format!("PLUGYARD_DISCORD_WEBHOOK={text}");
        let refused = settings(&["--data-dir=/d", &variable]).unwrap_err().to_string();
        assert!(refused.contains("PLUGYARD_DISCORD_WEBHOOK") && !refused.contains("hush"), "{refused}");
    }
}

#[test]
fn secrets_are_no_flags() {
    for flag in ["--admin-token=hush", "--database-url=postgres://h/d", "--secret-key=hush"] {
        assert!(settings(&["--data-dir=/d", flag]).is_err(), "{flag}");
    }
}

#[test]
fn nothing_is_built_unless_it_is_asked_for() {
    let building = |variables: &[&str]| {
        settings(&[&["--data-dir=/d"], variables].concat()).map(|(settings, _)| settings.building)
    };
    assert_eq!(building(&[]).unwrap(), Building { mode: BuildMode::Off, git: false });
    let both = building(&["--build=native", "--allow-git"]).unwrap();
    assert_eq!(both, Building { mode: BuildMode::Native, git: true });
    assert!(building(&["--allow-git"]).unwrap_err().to_string().contains("PLUGYARD_BUILD"));
    assert!(building(&["--build=all"]).is_err());
}
