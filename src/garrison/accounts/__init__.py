"""Building blocks for accounts: passwords, the log-in guard, sign-up and recovery, sessions.

`accounts_of(exchange)` gives an application all of them, wired from its policy; `garrison.fastapi` has dependencies.
"""

from .account_requests import AccountRequests, RecoveryTokens
from .attempt import Attempt
from .breached import BreachFilter, BreachFilterUnreadable, FilterInfo, build_filter
from .bundle import Accounts, accounts_of
from .login import LoginGuard
from .password_login import Outcome, Stored, WrongPassword, log_in_with_password
from .password_rules import Fault, PasswordRules, Rule
from .passwords import Passwords
from .pool import HashingBusy
from .profiles import PROFILES, Profile, ProfileRefused, UnknownProfile
from .session_info import SessionInfo
from .sessions import Sessions

__all__ = [
    "PROFILES",
    "AccountRequests",
    "Accounts",
    "Attempt",
    "BreachFilter",
    "BreachFilterUnreadable",
    "Fault",
    "FilterInfo",
    "HashingBusy",
    "LoginGuard",
    "Outcome",
    "PasswordRules",
    "Passwords",
    "Profile",
    "ProfileRefused",
    "RecoveryTokens",
    "Rule",
    "SessionInfo",
    "Sessions",
    "Stored",
    "UnknownProfile",
    "WrongPassword",
    "accounts_of",
    "build_filter",
    "log_in_with_password",
]
