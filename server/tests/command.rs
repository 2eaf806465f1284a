//! The `netref` command as a user meets it: what it prints, where, and its exit code.

use std::process::{Command, Output};

fn netref(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_netref")).args(arguments).output().expect("the command was built and starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the command prints UTF-8")
}

#[test]
fn version_is_one_line_on_stdout() {
    for flag in ["--version", "-V"] {
        let output = netref(&[flag]);
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(text(&output.stdout), format!("netref {}\n", netref_server::version()));
        assert_eq!(text(&output.stderr), "");
    }
}

#[test]
fn help_tells_what_is_there_today() {
    let output = netref(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let help = text(&output.stdout);
    assert!(help.contains("--version"), "{help}");
    assert!(help.contains("there is no daemon to run"), "{help}");
}

#[test]
fn a_bad_argument_is_named_and_exits_with_2() {
    for bad in ["--no-such-option", "serve"] {
        let output = netref(&[bad]);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(text(&output.stdout), "");
        assert!(text(&output.stderr).contains(bad), "{}", text(&output.stderr));
    }
}

#[test]
fn no_argument_prints_the_help_and_exits_with_2() {
    let output = netref(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("Usage: netref"), "{}", text(&output.stderr));
}
