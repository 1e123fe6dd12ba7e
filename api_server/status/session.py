"""Who has given the status page's password: a signed cookie that needs no memory, so it holds in all processes.

The key comes from the password alone. A new password ends every session; a restart ends none.
"""

import hashlib
import hmac
import secrets

COOKIE = "alx_status"
LIFETIME_S = 12 * 3600
KEY_ROUNDS = 100_000
"""Of PBKDF2, once per process: whoever gets hold of a cookie can't try passwords on it quickly."""
SALT = b"alx-report status session"


class Sessions:
    """Checks passwords and signs cookies."""

    def __init__(self, password: str) -> None:
        """Derive the key."""
        self._password = _digest(password)
        self._key = hashlib.pbkdf2_hmac("sha256", password.encode(), SALT, KEY_ROUNDS)

    def is_password(self, text: str) -> bool:
        """Whether `text` is the password, in the same time whatever it is."""
        return hmac.compare_digest(_digest(text), self._password)

    def open(self, now: float) -> str:
        """Return the cookie of a new session."""
        claim = f"{int(now) + LIFETIME_S}.{secrets.token_urlsafe(12)}"
        return f"{claim}.{self._sign(claim)}"

    def is_open(self, cookie: str, now: float) -> bool:
        """Whether a cookie is one of ours and not over."""
        claim, _, signature = cookie.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(claim).encode()):
            return False
        return now < int(claim.partition(".")[0])  # signed, so it is what `open` wrote

    def _sign(self, claim: str) -> str:
        return hmac.new(self._key, claim.encode(), hashlib.sha256).hexdigest()


def _digest(text: str) -> bytes:
    # Of one length, so that the comparison does not tell the password's.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
