use proptest::prelude::*;

use super::*;

fn order(os: Os, arch: Arch, floor: &str, python: &str) -> TagOrder {
    let floor = floor.parse().unwrap();
    TagOrder::new(&Target { os, arch, floor, python: python.parse().unwrap() })
}

/// The order written out, as the `packaging` library does it.
fn written_out(order: &TagOrder) -> Vec<(String, String, String)> {
    let own = order.python;
    let platforms = platforms(order.target);
    let mut out = Vec::new();
    let mut each = |python: String, abi: &str| {
        out.extend(platforms.iter().map(|p| (python.clone(), abi.to_owned(), p.clone())));
    };
    let flags = if own < 8 { "m" } else { "" };
    each(format!("cp3{own}"), &format!("cp3{own}{flags}"));
    each(format!("cp3{own}"), "abi3");
    each(format!("cp3{own}"), "none");
    (2..own).rev().for_each(|minor| each(format!("cp3{minor}"), "abi3"));
    let mut pythons = vec![format!("py3{own}"), "py3".to_owned()];
    pythons.extend((0..own).rev().map(|minor| format!("py3{minor}")));
    for python in &pythons {
        each(python.clone(), "none");
    }
    pythons.insert(0, format!("cp3{own}"));
    out.extend(pythons.into_iter().map(|python| (python, "none".to_owned(), "any".to_owned())));
    out
}

#[test]
fn ranks_are_the_order_written_out() {
    for order in [
        order(Os::Linux, Arch::X86_64, "2.39", "3.12"),
        order(Os::Linux, Arch::Aarch64, "2.28", "3.7"),
        order(Os::Macos, Arch::Aarch64, "14.0", "3.13"),
        order(Os::Macos, Arch::X86_64, "10.9", "3.12"),
    ] {
        let tags = written_out(&order);
        let ranks: Vec<_> =
            tags.iter().map(|(python, abi, platform)| order.rank((python, abi, platform)).unwrap()).collect();
        assert!(ranks.windows(2).all(|pair| pair[0] < pair[1]));
    }
}

#[test]
fn platforms_run_from_the_floor_down_with_their_old_names() {
    let linux = platforms(order(Os::Linux, Arch::X86_64, "2.18", "3.12").target);
    assert_eq!(
        linux[..4],
        ["manylinux_2_18_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux_2_16_x86_64"]
    );
    assert_eq!(linux.last().unwrap(), "manylinux1_x86_64");
    let arm = platforms(order(Os::Macos, Arch::Aarch64, "12.3", "3.12").target);
    assert_eq!(
        arm[..5],
        [
            "macosx_12_0_arm64",
            "macosx_12_0_universal2",
            "macosx_11_0_arm64",
            "macosx_11_0_universal2",
            "macosx_10_16_universal2"
        ]
    );
    let intel = platforms(order(Os::Macos, Arch::X86_64, "10.9", "3.12").target);
    assert_eq!(intel[0], "macosx_10_9_x86_64");
}

#[test]
fn other_systems_and_interpreters_do_not_fit() {
    let order = order(Os::Linux, Arch::X86_64, "2.39", "3.12");
    for name in [
        "a-1-cp313-cp313-manylinux_2_17_x86_64.whl",
        "a-1-cp313-abi3-manylinux_2_17_x86_64.whl",
        "a-1-cp312-cp312t-manylinux_2_17_x86_64.whl",
        "a-1-cp312-cp312-manylinux_2_40_x86_64.whl",
        "a-1-cp312-cp312-manylinux_2_17_aarch64.whl",
        "a-1-cp312-cp312-musllinux_1_2_x86_64.whl",
        "a-1-cp312-cp312-linux_x86_64.whl",
        "a-1-cp312-cp312-win_amd64.whl",
        "a-1-py2-none-any.whl",
        "a-1-py313-none-any.whl",
        "a-1-cp311-none-any.whl",
        "a-1-cp312-abi3-any.whl",
    ] {
        assert_eq!(order.best(&Label::read(name).unwrap()), None, "{name}");
    }
}

#[test]
fn the_best_tag_wins_then_the_build_then_the_name() {
    let order = order(Os::Linux, Arch::X86_64, "2.39", "3.12");
    let choose = |names: &[&'static str]| {
        let (index, _) = order.choose(names.iter().copied().zip(0..)).unwrap();
        names[index]
    };
    assert_eq!(
        choose(&["a-1-py3-none-any.whl", "a-1-cp38-abi3-manylinux1_x86_64.whl"]),
        "a-1-cp38-abi3-manylinux1_x86_64.whl"
    );
    assert_eq!(
        choose(&["a-1-9-py3-none-any.whl", "a-1-10-py3-none-any.whl", "a-1-py3-none-any.whl"]),
        "a-1-10-py3-none-any.whl"
    );
    assert_eq!(
        choose(&[
            "a-1-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            "a-1-cp312-cp312-manylinux_2_28_x86_64.whl"
        ]),
        "a-1-cp312-cp312-manylinux_2_28_x86_64.whl"
    );
}

#[test]
fn the_floor_of_a_wheel_is_the_oldest_system_among_its_tags() {
    let floor = |order: &TagOrder, name| order.floor(&Label::read(name).unwrap()).map(|f| f.to_string());
    let linux = order(Os::Linux, Arch::X86_64, "2.39", "3.12");
    assert_eq!(
        floor(&linux, "a-1-cp312-cp312-manylinux_2_28_x86_64.manylinux2014_x86_64.whl").unwrap(),
        "2.17"
    );
    assert_eq!(floor(&linux, "a-1-py3-none-any.whl"), None);
    let arm = order(Os::Macos, Arch::Aarch64, "14.0", "3.12");
    assert_eq!(floor(&arm, "a-1-cp312-cp312-macosx_10_9_universal2.whl").unwrap(), "11.0");
}

proptest! {
    #[test]
    fn a_higher_floor_never_loses_a_wheel(low in 17_u16..39, tag in 5_u16..45) {
        let name = format!("a-1-cp312-cp312-manylinux_2_{tag}_x86_64.whl");
        let label = Label::read(&name).unwrap();
        let fits = |floor| order(Os::Linux, Arch::X86_64, floor, "3.12").best(&label).is_some();
        let low_text = format!("2.{low}");
        let at_low = fits(&low_text);
        prop_assert_eq!(at_low, tag <= low);
        prop_assert_eq!(at_low || fits("2.39"), fits("2.39"));
    }
}
