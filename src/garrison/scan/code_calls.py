"""Calls that are wrong whatever reaches them: ciphers, TLS, tokens, XML, archives, settings (G2xx).

Each rule is a function over one call. Silent about calls marked for other uses (`usedforsecurity=False`), about values
that are not written in the call, and about names that are not what they seem (`module.names` says what was imported).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from typing import Final

from .code_module import Module
from .code_rules import Hole

Hit = tuple[Hole, ast.AST, str]
SECRET_NAME: Final = re.compile(
    r"passw|passwd|secret|(?:^|_)token|api_?key|access_?key|private_?key|credential|signing_?key|jwt_?key",
    re.IGNORECASE,
)
_GUESSABLE: Final = re.compile(
    r"token|secret|passw|session|nonce|salt|otp|csrf|reset|api_?key|invite|voucher", re.IGNORECASE
)
_HASHES: Final = re.compile(r"^hashlib\.(?:md5|sha1|new)$|^cryptography\..*hashes\.(?:MD5|SHA1)$")
_FAST: Final = re.compile(r"^hashlib\.(?:md5|sha1|sha224|sha256|sha384|sha512|sha3_\d+|blake2[bs]|new)$")
_RANDOM: Final = re.compile(
    r"^(?:random\.(?:random|choice|choices|randint|randrange|getrandbits|sample|uniform|randbytes)|uuid\.uuid1)$"
)
_PICKLES: Final = re.compile(
    r"^(?:c?[pP]ickle|_pickle|dill|cloudpickle|marshal|joblib|jsonpickle|torch)\.(?:loads?|decode)$|^pandas\.read_pickle$"
    r"|^shelve\.open$|^pickle\.Unpickler$"
)
_PLAIN: Final = re.compile(r"^(?:ftplib\.FTP|telnetlib\.Telnet|poplib\.POP3|imaplib\.IMAP4|nntplib\.NNTP)$")
_BROKEN: Final = re.compile(r"(?:^|\.)(?:DES3?|TripleDES|ARC[24]|RC4|Blowfish|IDEA|CAST5|SEED|XOR)(?:\.new)?$")


def calls(module: Module) -> Iterator[Hit]:
    """What is wrong about each call of the file."""
    owners = _owners(module.tree)
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            for rule in _RULES:
                for hole, message in rule(node, module.dotted(node.func), module, owners.get(id(node), "")):
                    yield hole, node, message


def _owners(tree: ast.Module) -> dict[int, str]:
    """For each call the names around it: of the function, and of what its value is assigned to."""
    found: dict[int, str] = {}

    def visit(node: ast.AST, around: str) -> None:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                around = name
            case ast.Assign(targets=[ast.Name(id=name) | ast.Attribute(attr=name), *_]):
                around = f"{around} {name}"
            case ast.AnnAssign(target=ast.Name(id=name) | ast.Attribute(attr=name)):
                around = f"{around} {name}"
            case ast.keyword(arg=str() as name):
                around = f"{around} {name}"
            case ast.Call():
                found[id(node)] = around
        for child in ast.iter_child_nodes(node):
            visit(child, around)

    visit(tree, "")
    return found


Said = Iterator[tuple[Hole, str]]


def _word(call: ast.Call, name: str) -> ast.expr | None:
    return next((one.value for one in call.keywords if one.arg == name), None)


def _is(call: ast.Call, name: str, value: object) -> bool:
    given = _word(call, name)
    return isinstance(given, ast.Constant) and given.value is value


def _loads(call: ast.Call, name: str, module: Module, around: str) -> Said:
    if _PICKLES.match(name) and not _is(call, "weights_only", True):
        yield Hole.LOADS, f"{name}() runs what the data tells it to."
    if name in {"yaml.load", "yaml.load_all"}:
        loaders = [*call.args[1:], *(one.value for one in call.keywords if one.arg == "Loader")]
        if not any(re.search("Safe|Base", ast.unparse(one)) for one in loaders):
            yield Hole.LOADS, f"{name}() without a safe loader makes any object."
    if name in {"yaml.unsafe_load", "yaml.full_load"}:
        yield Hole.LOADS, f"{name}() makes objects of types that the data chooses."


def _shell(call: ast.Call, name: str, module: Module, around: str) -> Said:
    first = call.args[0] if call.args else None
    if first is None or isinstance(first, ast.Constant):
        return
    if name in {"os.system", "os.popen", "asyncio.create_subprocess_shell"} or (
        name.startswith("subprocess.") and _is(call, "shell", True)
    ):
        yield Hole.SHELL, f"{name}() hands a text that is put together to a shell."


def _evaluated(call: ast.Call, name: str, module: Module, around: str) -> Said:
    if name not in {"eval", "exec"} or not call.args or isinstance(call.args[0], ast.Constant):
        return
    if isinstance(call.args[0], ast.Call) and module.dotted(call.args[0].func) == "compile":
        return
    source = ast.unparse(call.args[0])
    fetched = re.search(r"\b(?:httpx|requests|urlopen|urllib)\b", source) or _fetched(module, source)
    yield (Hole.FETCHED_CODE if fetched else Hole.EVAL), f"{name}({source[:60]}) runs text as code."


def _fetched(module: Module, name: str) -> bool:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Assign) and any(isinstance(one, ast.Name) and one.id == name for one in node.targets):
            if re.search(r"\b(?:httpx|requests|urlopen|urllib)\b", ast.unparse(node.value)):
                return True
    return False


def _installs(call: ast.Call, name: str, module: Module, around: str) -> Said:
    if not name.startswith(("subprocess.", "os.")) or not call.args:
        return
    words = [
        one.value for one in ast.walk(call.args[0]) if isinstance(one, ast.Constant) and isinstance(one.value, str)
    ]
    text = " ".join(words)
    if re.search(r"\bpip3? install\b|\bnpm install\b", text) and "--require-hashes" not in text:
        yield Hole.FETCHED_CODE, "A package is installed while the program runs, without a hash."
    if re.search(r"(?:curl|wget)\b.*\|\s*(?:ba|z|da)?sh\b", text):
        yield Hole.FETCHED_CODE, "A script from the network goes into a shell."


def _unpacks(call: ast.Call, name: str, module: Module, around: str) -> Said:
    if not isinstance(call.func, ast.Attribute) or call.func.attr != "extractall" or _word(call, "filter"):
        return
    if any(source.startswith("tarfile") for source in module.names.values()):
        yield Hole.UNPACK, "extractall() without filter= writes wherever the members say."


def _modes(call: ast.Call, name: str, module: Module, around: str) -> Said:
    for given in [*call.args, *(one.value for one in call.keywords if one.arg == "mode")]:
        if name.endswith((".chmod", ".mkdir", ".makedirs", "os.open")) and isinstance(given, ast.Constant):
            if type(given.value) is int and given.value & 0o002 and not given.value & 0o1000 and given.value <= 0o777:
                if name.endswith(".chmod"):
                    yield Hole.MODE, f"Mode {oct(given.value)} lets every local user write."
    if name == "os.umask" and call.args and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0:
        yield Hole.MODE, "umask(0): every file is born open to all."


def _settings(call: ast.Call, name: str, module: Module, around: str) -> Said:
    last = name.rpartition(".")[2]
    opens = [_word(call, "allow_origins"), _word(call, "allow_origin_regex")]
    if any(one is not None and _any_origin(one) for one in opens) and _is(call, "allow_credentials", True):
        yield Hole.CORS, "Every origin may send credentials and read the answers."
    if last in {"FastAPI", "Starlette", "Litestar", "Quart", "Flask"} and _is(call, "debug", True):
        yield Hole.DEBUG, f"{last}(debug=True)."
    if last == "run" and _is(call, "debug", True) and isinstance(call.func, ast.Attribute) and not call.args:
        if any(source.startswith(("flask", "quart")) for source in module.names.values()):
            yield Hole.DEBUG, "run(debug=True) opens a debugger that runs code."
    if last == "Environment" and name.startswith("jinja2"):
        given = _word(call, "autoescape")
        if given is None or (isinstance(given, ast.Constant) and given.value is False):
            yield Hole.AUTOESCAPE, "Jinja's Environment does not escape unless autoescape says so."


def _any_origin(node: ast.expr) -> bool:
    values = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant)]
    return any(value in {"*", ".*", "^.*$", ".+", "https?://.*", "https://.*", "http.*"} for value in values)


def _cookies(call: ast.Call, name: str, module: Module, around: str) -> Said:
    if (
        not isinstance(call.func, ast.Attribute)
        or call.func.attr != "set_cookie"
        or any(not o.arg for o in call.keywords)
    ):
        return
    if len(call.args) < 2 and _word(call, "value") is None:
        return  # somebody's own function of that name: it takes a whole line
    missing = [one for one in ("secure", "httponly") if _word(call, one) is None or _is(call, one, False)]
    about = ast.unparse(call.args[0]) if call.args else ""
    if "httponly" in missing and re.search("csrf|xsrf|theme|lang|locale", about, re.IGNORECASE):
        missing.remove("httponly")
    if missing:
        yield Hole.COOKIE, f"set_cookie({about[:40]}) without {' and '.join(missing)}."


def _xml(call: ast.Call, name: str, module: Module, around: str) -> Said:
    if name.endswith("XMLParser") and name.startswith("lxml") and _is(call, "resolve_entities", True):
        yield Hole.XML, "The parser reads entities, files and addresses among them."
    if isinstance(call.func, ast.Attribute) and call.func.attr == "setFeature" and len(call.args) == 2:
        feature, value = call.args
        if "external" in ast.unparse(feature) and isinstance(value, ast.Constant) and value.value in (True, 1):
            yield Hole.XML, "The parser follows external entities."


def _hashes(call: ast.Call, name: str, module: Module, around: str) -> Said:
    if not (_FAST.match(name) or _HASHES.match(name)) or _is(call, "usedforsecurity", False):
        return
    kind = (
        str(call.args[0].value)
        if name == "hashlib.new" and call.args and isinstance(call.args[0], ast.Constant)
        else name
    )
    text = " ".join(ast.unparse(one) for one in call.args)
    if re.search(r"passw|passwd|\bpwd\b", f"{text} {around}", re.IGNORECASE) and "hmac" not in around:
        yield Hole.FAST_HASH, f"{name}() of a password: billions of guesses a second."
    elif re.search(r"time\.time\(\)|time_ns|datetime\.(?:now|utcnow)|uuid1", text) and _GUESSABLE.search(around):
        yield Hole.RANDOM, "A secret made from the clock can be computed."
    elif re.search(r"(?:md5|sha1|MD5|SHA1)$", kind):
        yield Hole.WEAK_HASH, f"{kind}() without usedforsecurity=False."


def _ciphers(call: ast.Call, name: str, module: Module, around: str) -> Said:
    last = name.rpartition(".")[2]
    if last in {"ECB"} or any(ast.unparse(one).endswith("MODE_ECB") for one in call.args):
        yield Hole.CIPHER, "ECB encrypts like blocks alike."
    elif _BROKEN.search(name) and re.search("Cipher|cryptography|Crypto|algorithms", name):
        yield Hole.CIPHER, f"{last} is broken or too small."
    if isinstance(call.func, ast.Attribute) and call.func.attr == "encrypt" and len(call.args) >= 2:
        if _fixed(call.args[0], module) and re.search("AES|GCM|ChaCha|CCM|SIV", ast.unparse(call.func.value)):
            yield Hole.NONCE, "The nonce is the same for every message."
    if last in {"CBC", "CTR", "GCM", "OFB", "CFB"} and "modes" in name and call.args and _fixed(call.args[0], module):
        yield Hole.NONCE, "The initialisation vector is the same for every message."
    size = _word(call, "key_size") or (
        call.args[1] if len(call.args) > 1 and name.endswith("rsa.generate_private_key") else None
    )
    if name.endswith(("rsa.generate_private_key", "dsa.generate_private_key", "RSA.generate")):
        size = size or (call.args[0] if name.endswith("RSA.generate") and call.args else None)
        if isinstance(size, ast.Constant) and isinstance(size.value, int) and size.value < 2048:
            yield Hole.KEY_SIZE, f"A key of {int(size.value)} bits."


def _fixed(node: ast.expr, module: Module) -> bool:
    match node:
        case ast.Constant(value=bytes() | str()):
            return True
        case ast.BinOp(left=left, op=ast.Mult()):
            return _fixed(left, module)
        case ast.Call(func=ast.Name(id="bytes" | "bytearray"), args=[ast.Constant()]):
            return True
    return False


def _randoms(call: ast.Call, name: str, module: Module, around: str) -> Said:
    if _RANDOM.match(name) and _GUESSABLE.search(around):
        yield Hole.RANDOM, f"{name}() for {around.split()[-1] if around.split() else 'a secret'}."


def _tls(call: ast.Call, name: str, module: Module, around: str) -> Said:
    if _is(call, "verify", False) and (
        name.startswith(("httpx", "requests")) or re.search("client|session", name, re.IGNORECASE)
    ):
        yield Hole.TLS, f"{name}(verify=False)."
    if name == "ssl._create_unverified_context" or (name.endswith("TCPConnector") and _is(call, "ssl", False)):
        yield Hole.TLS, f"{name}() verifies nothing."
    if _PLAIN.match(name):
        yield Hole.PLAIN, f"{name} speaks plain text."


def _tokens(call: ast.Call, name: str, module: Module, around: str) -> Said:
    if re.match(r"(?:jwt|jose\.jwt)\.decode$", name):
        text = ast.unparse(call)
        if re.search(r"'verify_signature': False|verify=False|algorithms=\[[^\]]*'none'", text, re.IGNORECASE):
            yield Hole.JWT_CHECK, "The signature of the token is not looked at."
    if re.match(r"(?:jwt|jose\.jwt)\.encode$", name) and call.args and isinstance(call.args[0], ast.Dict):
        keys = [one.value if isinstance(one, ast.Constant) else None for one in call.args[0].keys]
        if None not in keys and "exp" not in keys:
            yield Hole.JWT_END, "The token has no `exp`."


def _logs(call: ast.Call, name: str, module: Module, around: str) -> Said:
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in _LEVELS:
        return
    if not re.search(r"log", ast.unparse(call.func.value), re.IGNORECASE):
        return
    for one in [*call.args, *(word.value for word in call.keywords)]:
        for node in ast.walk(one):
            said = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
            if re.fullmatch(
                r"(?:\w+_)?(?:passw(?:or)?d|passphrase|secret|token|api_key|private_key|credentials)", said, re.I
            ):
                yield Hole.LOGGED, f"{said} goes into the log."
                return


_LEVELS: Final = frozenset({"debug", "info", "warning", "warn", "error", "critical", "exception", "log"})


def _temporary(call: ast.Call, name: str, module: Module, around: str) -> Said:
    if name in {"tempfile.mktemp", "os.tempnam", "os.tmpnam"}:
        yield Hole.TEMPORARY, f"{name}() gives a name, not a file."


_RULES: Final[tuple[Callable[[ast.Call, str, Module, str], Said], ...]] = (
    _loads, _shell, _evaluated, _installs, _unpacks, _modes, _settings, _cookies, _xml, _hashes, _ciphers, _randoms,
    _tls, _tokens, _logs, _temporary,
)  # fmt: skip
