"""Building blocks for accounts: passwords, the log-in guard, sessions, second factors, keys and tokens, rights.

`accounts_of(exchange)` gives an application all of them, wired from its policy; `garrison.fastapi` has dependencies.
"""

from .account_requests import AccountRequests, RecoveryTokens
from .api_keys import ApiKeys, KeyInfo, NewKey, TooManyKeys
from .attempt import Attempt
from .authorisation_principals import Bad, Credential, principals
from .bearer import Bearer
from .breached import BreachFilter, BreachFilterUnreadable, FilterInfo, build_filter
from .bundle import Accounts, accounts_of
from .compare import find_naive_comparisons, same
from .login import LoginGuard
from .oidc import Identity, OidcLogin, OidcRefused, Provider
from .password_login import Outcome, SecondFactorOwed, Stored, WrongPassword, log_in_with_password
from .password_rules import Fault, PasswordRules, Rule
from .passwords import Passwords
from .pool import HashingBusy
from .profiles import PROFILES, Profile, ProfileRefused, UnknownProfile
from .second_factor import Checked, SecondFactor, Setup
from .second_factor_login import NothingOwed, SecondStep
from .session_info import SessionInfo
from .sessions import Sessions
from .step_up import Freshness

__all__ = [
    "PROFILES",
    "AccountRequests",
    "Accounts",
    "ApiKeys",
    "Attempt",
    "Bad",
    "Bearer",
    "BreachFilter",
    "BreachFilterUnreadable",
    "Checked",
    "Credential",
    "Fault",
    "FilterInfo",
    "Freshness",
    "HashingBusy",
    "Identity",
    "KeyInfo",
    "LoginGuard",
    "NewKey",
    "NothingOwed",
    "OidcLogin",
    "OidcRefused",
    "Outcome",
    "PasswordRules",
    "Passwords",
    "Profile",
    "ProfileRefused",
    "Provider",
    "RecoveryTokens",
    "Rule",
    "SecondFactor",
    "SecondFactorOwed",
    "SecondStep",
    "SessionInfo",
    "Sessions",
    "Setup",
    "Stored",
    "TooManyKeys",
    "UnknownProfile",
    "WrongPassword",
    "accounts_of",
    "build_filter",
    "find_naive_comparisons",
    "log_in_with_password",
    "principals",
    "same",
]
