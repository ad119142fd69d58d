//! The second wall, for what namespaces let through: rules on files that no mount can change, and system calls that
//! no build and no plugin needs.

use std::{collections::BTreeMap, io, path::Path};

use landlock::{
    ABI, Access as _, AccessFs, PathBeneath, PathFd, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _,
    Scope,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};

/// Only what is below these can be read, and written to; devices are written to as they are. A kernel without such
/// rules leaves it to the mounts, and the canary judges.
pub(crate) fn files(readable: &[&Path], writable: &[&Path]) -> io::Result<()> {
    let abi = ABI::V6;
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(abi))
        .and_then(|rules| rules.scope(Scope::from_all(abi)))
        .and_then(Ruleset::create)
        .map_err(io::Error::other)?;
    let devices = (Path::new("/dev"), AccessFs::from_read(abi) | AccessFs::WriteFile);
    let read = readable.iter().map(|path| (*path, AccessFs::from_read(abi)));
    let written = writable.iter().map(|path| (*path, AccessFs::from_all(abi)));
    for (path, access) in read.chain(written).chain([devices]) {
        let beneath = PathFd::new(path).map_err(io::Error::other)?;
        let is_file = !path.is_dir();
        let access = if is_file { access & AccessFs::from_file(abi) } else { access };
        rules = rules.add_rule(PathBeneath::new(beneath, access)).map_err(io::Error::other)?;
    }
    rules.restrict_self().map(drop).map_err(io::Error::other)
}

/// Calls that reach around the namespaces, or deep into the kernel.
const NOBODYS: &[i64] = &[
    libc::SYS_add_key,
    libc::SYS_bpf,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pivot_root,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setns,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
];

/// Sockets of these families end at the borders of the network namespace; others may not.
const FAMILIES: [i32; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// `network`: whether sockets may be of any family but those that reach past the namespaces; else only between
/// processes.
pub(crate) fn calls(network: bool) -> io::Result<()> {
    let families = if network { &FAMILIES[..] } else { &FAMILIES[..1] };
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = NOBODYS.iter().map(|&call| (call, Vec::new())).collect();
    let other_family = families
        .iter()
        .map(|&family| {
            let family = u64::from(family.unsigned_abs());
            SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, family)
        })
        .collect::<Result<Vec<_>, _>>()
        .and_then(SeccompRule::new)
        .map_err(io::Error::other)?;
    rules.insert(libc::SYS_socket, vec![other_family]);
    rules.insert(libc::SYS_clone, NAMESPACES.iter().map(|flag| makes(*flag)).collect::<io::Result<_>>()?);
    #[cfg(target_arch = "x86_64")]
    for (call, rule) in rules.clone() {
        // The same calls by the numbers of the other ABI.
        const X32: i64 = 0x4000_0000;
        rules.insert(call | X32, rule);
    }
    apply(rules, libc::EPERM)?;
    // Its flags are out of sight in memory; whoever finds it missing uses the older call.
    apply([(libc::SYS_clone3, Vec::new())].into(), libc::ENOSYS)
}

/// Kinds of namespaces that a new process could be made in.
const NAMESPACES: [i32; 7] = [
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWUTS,
];

fn makes(flag: i32) -> io::Result<SeccompRule> {
    let flag = u64::from(flag.unsigned_abs());
    let has = SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(flag), flag);
    has.and_then(|has| SeccompRule::new(vec![has])).map_err(io::Error::other)
}

fn apply(rules: BTreeMap<i64, Vec<SeccompRule>>, error: i32) -> io::Result<()> {
    let refusal = SeccompAction::Errno(error.unsigned_abs());
    let here = std::env::consts::ARCH.try_into().map_err(io::Error::other)?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refusal, here).map_err(io::Error::other)?;
    let program: BpfProgram = filter.try_into().map_err(io::Error::other)?;
    apply_filter(&program).map_err(io::Error::other)
}
