//! Who may do what: one table, and the one place that reads it. What it does not allow is denied.

use std::collections::BTreeSet;

use domain::values::{Role, Scope};

use crate::error::{Error, Kind};

/// Who asks, as far as rights go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    Anonymous,
    User,
    Publisher,
    Admin,
}

/// Whose thing it is that somebody asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// It belongs to whoever asks; so does what does not exist yet.
    Own,
    /// It belongs to somebody else.
    Foreign,
}

/// How far a right goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Not at all.
    Nobody,
    /// To one's own things.
    Own,
    /// To everybody's.
    All,
}

impl Reach {
    /// As the table is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nobody => "-",
            Self::Own => "own",
            Self::All => "all",
        }
    }
}

/// What the table says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    Allowed,
    /// Come back with a credential.
    Unauthenticated,
    /// The role or the scope is too low, whoever owns it.
    Refused,
    /// It belongs to somebody else: it looks as if it were not there.
    Hidden,
}

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    pub action: Action,
    /// As it is printed: `tasks.create`.
    pub name: &'static str,
    /// What a credential must be scoped to.
    pub scope: Scope,
    pub anonymous: Reach,
    pub user: Reach,
    pub publisher: Reach,
    pub admin: Reach,
}

macro_rules! table {
    ($($action:ident $name:literal $scope:ident $anonymous:ident $user:ident $publisher:ident $admin:ident;)+) => {
        /// Everything that can be asked for. Operations of several dialects that mean the same are one action.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action {
            $($action,)+
        }

        /// The policy.
        pub const TABLE: &[Rule] = &[$(Rule {
            action: Action::$action,
            name: $name,
            scope: Scope::$scope,
            anonymous: Reach::$anonymous,
            user: Reach::$user,
            publisher: Reach::$publisher,
            admin: Reach::$admin,
        },)+];
    };
}

table! {
    // action                 name                     scope   anonymous  user    publisher  admin
    ReadTasks                "tasks.read"              Read    All        All     All        All;
    CreateTask               "tasks.create"            Write   All        All     All        All;
    CancelTask               "tasks.cancel"            Write   All        All     All        All;
    RemoveFile               "files.remove"            Write   All        All     All        All;
    ReadCatalogue            "catalogue.read"          Read    All        All     All        All;
    Review                   "catalogue.review"        Write   Nobody     Own     Own        All;
    PublishPackage           "packages.publish"        Write   Nobody     Nobody    Own        All;
    RemovePackage            "packages.remove"         Write   Nobody     Nobody    Own        All;
    ReadInstallation         "installations.read"      Read    All        All     All        All;
    ReadInstallationLogs     "installations.logs"      Read    Nobody     Own     Own        All;
    RequestInstallation      "installations.request"   Write   Nobody     Own     Own        All;
    EndInstallation          "installations.end"       Write   Nobody     Own     Own        All;
    ManageWebhooks           "webhooks.manage"         Write   Nobody     Own     Own        All;
    ReadHost                 "host.read"               Read    Nobody     All     All        All;
    MessagePlugin            "host.message"            Write   Nobody     All     All        All;
    ReadHostLogs             "host.logs"               Admin   Nobody     Nobody  Nobody     All;
    ChangeHost               "host.change"             Admin   Nobody     Nobody  Nobody     All;
    ReadSecrets              "host.secrets"            Admin   Nobody     Nobody  Nobody     All;
    ReadInstance             "instance.read"           Read    All        All     All        All;
    LogIn                    "identity.login"          Write   All        All     All        All;
    ReadIdentity             "identity.read"           Read    All        All     All        All;
    ReadKeys                 "keys.read"               Read    Nobody     Own     Own        All;
    IssueKey                 "keys.issue"              Write   Nobody     Own     Own        All;
    RevokeKey                "keys.revoke"             Write   Nobody     Own     Own        All;
    OpenSocket               "sockets.open"            Read    Nobody     All     All        All;
    ManageAccounts           "accounts.manage"         Admin   Nobody     Nobody  Nobody     All;
    EraseAccount             "accounts.erase"          Write   Nobody     Own     Own        All;
    ReadPolicy               "policy.read"             Read    All        All     All        All;
    Operate                  "yard.operate"            Admin   Nobody     Nobody  Nobody     All;
}

impl Standing {
    pub const ALL: [Self; 4] = [Self::Anonymous, Self::User, Self::Publisher, Self::Admin];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::User => "user",
            Self::Publisher => "publisher",
            Self::Admin => "admin",
        }
    }
}

impl From<Role> for Standing {
    fn from(role: Role) -> Self {
        match role {
            Role::User => Self::User,
            Role::Publisher => Self::Publisher,
            Role::Admin => Self::Admin,
        }
    }
}

impl Rule {
    pub fn reach(&self, standing: Standing) -> Reach {
        match standing {
            Standing::Anonymous => self.anonymous,
            Standing::User => self.user,
            Standing::Publisher => self.publisher,
            Standing::Admin => self.admin,
        }
    }
}

impl Action {
    pub fn rule(self) -> Option<&'static Rule> {
        TABLE.iter().find(|rule| rule.action == self)
    }
}

/// The only reader of the table. Scopes narrow what a role may; for the anonymous there are none.
pub fn judge(standing: Standing, scopes: &BTreeSet<Scope>, action: Action, owner: Owner) -> Verdict {
    let Some(rule) = action.rule() else { return Verdict::Refused };
    let anonymous = standing == Standing::Anonymous;
    if rule.reach(standing) == Reach::Nobody {
        return if anonymous { Verdict::Unauthenticated } else { Verdict::Refused };
    }
    if !anonymous && rule.anonymous == Reach::Nobody && !scopes.contains(&rule.scope) {
        return Verdict::Refused;
    }
    match (rule.reach(standing), owner) {
        (Reach::All, _) | (Reach::Own, Owner::Own) => Verdict::Allowed,
        (Reach::Own, Owner::Foreign) => Verdict::Hidden,
        (Reach::Nobody, _) => Verdict::Refused,
    }
}

impl Verdict {
    /// `Ok` only for what is allowed. What is hidden has the sentence of what is not there.
    pub fn enforced(self, not_there: &str) -> Result<(), Error> {
        match self {
            Self::Allowed => Ok(()),
            Self::Unauthenticated => {
                Err(Error::new(Kind::Unauthenticated, "Authentication required: send a credential"))
            }
            Self::Refused => {
                Err(Error::new(Kind::Forbidden, "This credential does not have the permission for this"))
            }
            Self::Hidden => Err(Error::not_found(not_there)),
        }
    }
}

#[cfg(test)]
mod tests;
