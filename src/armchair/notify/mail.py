"""Letters by e-mail, through the site's mail server. Threads of its own, so that a server that hangs holds up nothing else."""

import asyncio
import email.utils
import re
import smtplib
import ssl
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from pathlib import Path

from armchair import words
from armchair.domain.errors import BadSettings, Refused, Unavailable
from armchair.domain.secret import Secret
from armchair.domain.telling import Letter
from armchair.notify.settings import MailSettings

TIMEOUT = 20.0  # seconds for each answer of the server
_LOGIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,63}", re.ASCII)
_PERMANENT = 500


class Mail:
    """The Notifier for e-mail. `instance` makes its message ids this portal's own."""

    def __init__(self, settings: MailSettings, instance: str, site: str) -> None:
        self._settings, self._instance, self._site = settings, instance, site
        host, _, port = settings.server.rpartition(":")
        usual = {"none": 25, "starttls": 587, "tls": 465}[settings.security]
        self._host, self._port = (host, int(port)) if host and port.isdecimal() else (settings.server, usual)
        self._password = _password(settings.password_file)
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="mail")

    async def check(self, login: str, target: str) -> None:  # noqa: ARG002 - the port's
        self._address(login)

    async def send(self, letter: Letter, link: str) -> None:
        message = self._message(letter, link)
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._hand_over, message)
        except smtplib.SMTPRecipientsRefused as error:
            raise _meaning(min((code for code, _ in error.recipients.values()), default=0)) from error
        except smtplib.SMTPResponseException as error:
            # our own login and sender are the site's to mend: it is tried again until then
            code = 0 if isinstance(error, smtplib.SMTPAuthenticationError | smtplib.SMTPSenderRefused) else error.smtp_code
            raise _meaning(code) from error
        except (OSError, smtplib.SMTPException) as error:
            raise Unavailable("mail_failed", reason=type(error).__name__) from error

    def _message(self, letter: Letter, link: str) -> EmailMessage:
        said = words.letter(letter.occasion, letter.params)
        message = EmailMessage()
        message["From"] = email.utils.formataddr((self._site, self._settings.sender))
        message["To"] = self._address(letter.login)
        message["Subject"] = " ".join(said.title.split())
        message["Date"] = email.utils.format_datetime(letter.created_at)
        # the same however often it is sent: mail programs show a repetition once
        message["Message-ID"] = f"<{self._instance}.{letter.id}@{self._settings.sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content("\n\n".join(part for part in (f"{said.title}.", said.detail, link) if part) + "\n")
        return message

    def _address(self, login: str) -> str:
        if _LOGIN.fullmatch(login) is None:
            raise Refused("mail_no_address", login=login)
        return self._settings.address.replace("{login}", login)

    def _hand_over(self, message: EmailMessage) -> None:
        secure = ssl.create_default_context()
        if self._settings.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(self._host, self._port, timeout=TIMEOUT, context=secure)
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=TIMEOUT)
        with server:
            if self._settings.security == "starttls":
                server.starttls(context=secure)
            if self._settings.user:
                server.login(self._settings.user, self._password.reveal())
            server.send_message(message)


def _meaning(code: int) -> Refused | Unavailable:
    """Codes from 500 on mean that the same letter will never be taken."""
    return Refused("mail_refused", status=code) if code >= _PERMANENT else Unavailable("mail_failed", reason=f"SMTP {code}")


def _password(path: Path | None) -> Secret:
    if path is None:
        return Secret("")
    try:
        return Secret(path.read_text("utf-8").partition("\n")[0].strip())
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(
            "bad_settings", key="notices.mail.password_file", origin=str(path), problem=f"The file can't be read: {error}."
        ) from error
