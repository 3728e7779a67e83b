"""Credentials are taken out of what is written down; all else stays as it is.

The tokens are made here, from a seed: none of them is real, and none stands in this file.
"""

from __future__ import annotations

import ast
import random
import string
import time
from collections.abc import Iterator

import pytest

from mlops_jupyter.runs import secret
from mlops_jupyter.runs.secret import MASK, masked, masked_source, masked_value

LETTERS = string.ascii_letters + string.digits


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """Let no test know the secrets of another."""
    yield
    secret._known.clear()
    secret._looked_at.clear()
    secret._pattern = None


def token(length: int, characters: str = LETTERS, seed: int = 7) -> str:
    return "".join(random.Random(seed).choices(characters, k=length))


HEX = "0123456789abcdef"
UPPER = string.ascii_uppercase + string.digits
TOKENS = {
    "aws": "AK" + "IA" + token(16, UPPER),
    "github": "gh" + "p_" + token(36),
    "github, fine-grained": "github_" + "pat_" + token(22) + "_" + token(59),
    "gitlab": "gl" + "pat-" + token(20),
    "slack": "xo" + "xb-" + token(12, string.digits) + "-" + token(24),
    "openai": "s" + "k-proj-" + token(48),
    "anthropic": "s" + "k-ant-api03-" + token(60),
    "hugging face": "h" + "f_" + token(34),
    "google": "AI" + "za" + token(35),
    "stripe": "s" + "k_live_" + token(24),
    "npm": "np" + "m_" + token(36),
    "pypi": "py" + "pi-AgEIcHlwaS5vcmc" + token(80),
    "jwt": "ey" + "JhbGciOiJIUzI1NiJ9.ey" + "JzdWIiOiIxMjM0NTY3ODkwIn0." + token(43),
    "databricks": "da" + "pi" + token(32, HEX),
    "sendgrid": "S" + "G." + token(22) + "." + token(43),
}
PASSWORD = "hunter-" + "2&more"
KEY = token(40, HEX)


@pytest.mark.parametrize("kind", TOKENS)
@pytest.mark.parametrize(
    "source",
    [
        "client = Client('{}')",
        "url = f'https://example.org/{{path}}?x={}&y=1'",
        "# mine is {}\nx = 1",
        "!curl -H 'Authorization: {}' https://example.org",
        'call("""\n{}\n""")',
    ],
)
def test_tokens_of_known_services(kind: str, source: str) -> None:
    text = masked_source(source.format(TOKENS[kind]))
    assert TOKENS[kind][-16:] not in text
    assert text == source.format(MASK)


@pytest.mark.parametrize(
    "source",
    [
        "password = '{}'",
        "db_password: str = '{}'",
        "connect(user='me', passwd = r'{}')",
        'config = {{"user": "me", "password": "{}"}}',
        "os.environ['DB_PASSWORD'] = '{}'",
        "os.getenv('DB_PASSWORD', '{}')",
        "settings.secret_key = SecretStr('{}')",
        "api_key='''{}'''",
        "credentials = ('me',\n  '{}')\npassword = '{}'",
        "engine = create_engine('postgresql://me:{}@db.example.org/flights')",
        "dsn = 'host=db user=me password={} port=5432'",
        "odbc = 'Driver=x;Uid=me;Pwd={};Encrypt=yes'",
        "%env DB_PASSWORD={}",
        "%set_env DB_PASSWORD {}",
        "!psql --password {} --host db",
        "%%bash\nexport DB_PASSWORD={}\npsql",
        "# password={}",
    ],
)
def test_passwords_by_their_name_or_place(source: str) -> None:
    password = PASSWORD.replace("&", "")
    text = masked_source(source.replace("{}", password).replace("{{", "{").replace("}}", "}"))
    assert text == source.replace("{}", MASK).replace("{{", "{").replace("}}", "}")
    assert masked_source(text) == text


@pytest.mark.parametrize(
    "source",
    ["wandb.login(key='{}')", "token = '{}'", "headers = {'Authorization': 'Bearer {}'}"],
)
def test_what_is_only_called_a_key_must_look_drawn_by_lot(source: str) -> None:
    assert masked_source(source.replace("{}", KEY)) == source.replace("{}", MASK)
    harmless = source.replace("{}", "departure_delay")
    assert masked_source(harmless) == harmless


@pytest.mark.parametrize(
    "source",
    [
        "tokens = text.split(' ')\ntokenizer = 'bert-base-uncased'",
        "TfidfVectorizer(token_pattern=r'(?u)\\b\\w\\w+\\b', stop_words='english')",
        "frame.sort_values(key=lambda s: s.str.lower())",
        "for key, value in d.items(): pass",
        "pad_token='[PAD]'; eos_token='</s>'",
        "frame[['password', 'strength']].groupby('password')",
        "connect(password=password, token=token)",
        "password = os.environ['DB_PASSWORD']",
        "password = getpass('Password: ')",
        "password = '<your password>'; api_key = 'YOUR_API_KEY'; token = '...'",
        "password_column = 'pw_hash'; secret_name = 'prod-database'",
        "url = f'postgresql://{user}:{password}@{host}/db'",
        "commit = 'fbdea7dc0b4a7f5f6e1c9a3b2d4e6f8a0c1b3d5e'",
        "id = '3f2a9c1e-7b4d-4e1a-9c3f-8a7b6c5d4e3f'",
        "np.random.seed(42); primary_key = 'flight_id'",
        "foreign_key='carrier_code_2024'; sort_key = 'month-2024-01-02T10:20:30'",
        "read_csv('https://example.org/data/2019/flights_2019_Q1.csv')",
        "model = 'claude-3-5-sonnet-20241022'",
        "img = 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQV'",
    ],
)
def test_ordinary_cells_stay_as_they_are(source: str) -> None:
    assert masked_source(source) is source


def test_what_was_python_is_python() -> None:
    source = f"""
def connect(password: str = "{PASSWORD}", token=b"{TOKENS["github"]}") -> None:
    keys = {{"api_key": f'{TOKENS["openai"]}', 'secret_key': rb'{KEY}'}}
    return "postgresql://me:{PASSWORD}@db"
"""
    text = masked_source(source)
    ast.parse(text)
    assert PASSWORD not in text
    assert text.count(MASK) == 3
    assert text.count("<masked>") == 2


def test_a_private_key() -> None:
    lines = "\n".join(token(64, seed=n) for n in range(10))
    begin, end = (f"-----{word} RSA PRIVATE " + "KEY-----" for word in ("BEGIN", "END"))
    assert masked_source(f'key = """{begin}\n{lines}\n{end}"""') == (
        f'key = """{begin}{MASK}{end}"""'
    )


def test_what_was_masked_once_is_masked_wherever_it_turns_up() -> None:
    masked_source(f"password = '{PASSWORD}'")
    assert masked(f"OperationalError: login as me with {PASSWORD} failed") == (
        f"OperationalError: login as me with {MASK} failed"
    )
    assert masked("https://example.org?p=hunter-2%26more") == f"https://example.org?p={MASK}"
    assert masked_source(f"print('{PASSWORD}')") == f"print('{MASK}')"
    assert masked_value("note", [{"text": f"as {PASSWORD}"}]) == [{"text": f"as {MASK}"}]
    assert secret.masked_bytes(f"<td>{PASSWORD}</td>é".encode()) == f"<td>{MASK}</td>é".encode()
    assert secret.masked_bytes(b"\xff\xfe") == b"\xff\xfe"


def test_words_are_not_remembered() -> None:
    assert masked_source("password = 'departures'") == f"password = '{MASK}'"
    assert masked_source("frame['departures']") == "frame['departures']"


@pytest.mark.parametrize(
    ("name", "value", "hidden"),
    [
        ("MY_SERVICE_TOKEN", "abc-defgh", True),
        ("DATABASE_PASSWORD", "correct horse battery", True),
        ("APIKEY", "0123456789abc", True),
        ("SHORT_TOKEN", "abc", False),
        ("TOKENIZERS_PARALLELISM", "false-false", False),
        ("PWD", "/home/me/flights", False),
        ("KEY_FILE", "/etc/ssl/key.pem", False),
        ("GOOGLE_CREDENTIALS", "/", False),
        ("TOKEN_LIMIT_KEY", "100000000", False),
        ("PLAIN", "no secret at all", False),
    ],
)
def test_values_of_secret_environment_variables(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, hidden: bool
) -> None:
    monkeypatch.setenv(name, value)
    source = f"x = 'before {value} after'"
    assert (masked_source(source) != source) is hidden
    monkeypatch.delenv(name)
    assert (masked_source(source) != source) is hidden, "a value once secret stays so"


def test_parameters_by_their_name() -> None:
    assert masked_value("password", PASSWORD) == MASK
    assert masked_value("db", {"user": "me", "password": PASSWORD}) == {
        "user": "me",
        "password": MASK,
    }
    assert masked_value("api_key", KEY) == MASK
    assert masked_value("vectorizer.token_pattern", r"(?u)\b\w\w+\b") == r"(?u)\b\w\w+\b"
    assert masked_value("password", None) is None
    assert masked_value("alpha", 0.5) == 0.5


@pytest.mark.parametrize(
    ("source", "private"),
    [
        ("# mlops: private\npassword = input()", True),
        ("x = 1\n  #mlops:private  \r\ny = 2", True),
        ("x = 1  # mlops: private", False),
        ("# mlops: privately\nx = 1", False),
        ("x = 1", False),
    ],
)
def test_a_whole_line_makes_a_cell_private(source: str, private: bool) -> None:
    assert secret.is_private(source) is private


def test_odd_texts() -> None:
    for text in ("", "\0", "\ud800 password='abcd-1\ud800'", "'", "password=", "://:@", "%env"):
        assert isinstance(masked(text) + masked_source(text), str)


@pytest.mark.parametrize(
    "text",
    [
        "x = 1\n" * 200_000,
        "'" + "A1b2" * 250_000 + "'",
        "password" * 125_000,
        "://" * 300_000,
        "-----BEGIN PRIVATE KEY-----" * 30_000,
        "token='" * 150_000,
        "'''\n" * 200_000,
    ],
    ids=lambda text: text[:12],
)
def test_a_megabyte_takes_no_time_worth_speaking_of(text: str) -> None:
    began = time.process_time()
    masked_source(text)
    assert time.process_time() - began < 3


def test_a_usual_cell_costs_microseconds() -> None:
    source = "frame = frame[frame['delay'] > 0]\nmean = frame['delay'].mean()\nmean"
    masked_source(source)
    began = time.process_time()
    for _ in range(1000):
        masked_source(source)
    assert (time.process_time() - began) / 1000 < 100e-6
