"""An exported student to the Hugging Face Hub, or to whatever `HF_ENDPOINT` names.

The token comes from the environment alone (`HF_TOKEN`), and stands in no file and no message. What the Hub has already
is not sent again, so a push that failed half-way is mended by starting it once more.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demitasse.errors import ConfigError, DemitasseError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

TOKEN = "HF_TOKEN"
# Weights of an earlier push that this one does not replace would be loaded, or counted, with its own.
STALE = (".safetensors", ".safetensors.index.json")


def hub_token() -> str:
    """The token in the environment.

    Raises:
        ConfigError: if there is none.
    """
    token = os.environ.get(TOKEN, "").strip()
    if not token:
        raise ConfigError(f"--push needs a token that may write: set the environment variable {TOKEN}")
    return token


def push(folder: Path, repo: str, private: bool = False) -> str:
    """Make `repo` what `folder` is, in one commit; returns its address. Pushed twice, nothing changes.

    Args:
        folder: an export.
        repo: "name", or "owner/name".
        private: make a new repository private; an existing one has to be so already.

    Raises:
        ConfigError: for a name or a token that cannot be used, or a public repository that was to be private.
        DemitasseError: if the Hub cannot be reached or does not take it.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]  # whichever httpx its version asks with

    token = hub_token()
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or None
    api = HfApi(endpoint=endpoint, token=token, library_name="demitasse")
    try:
        name = api.create_repo(repo, private=private, exist_ok=True).repo_id
        if private and not api.model_info(name).private:
            raise ConfigError(f"--push {repo}: it is there, and public; make it private there or take another name")
        # Not `upload_folder`, which may make several commits: whoever loads meanwhile would get a part.
        api.create_commit(name, _operations(api, name, folder), commit_message="Upload a Demitasse student")
    except HFValidationError as fault:
        raise ConfigError(f"--push {repo}: no name for a repository: {_said(fault, token)}") from None
    except HfHubHTTPError as fault:
        status = fault.response.status_code
        hint = f" ({TOKEN} may not write there)" if status in (401, 403) else ""
        raise DemitasseError(_sentence(folder, repo, f"{_said(fault, token)}{hint}")) from None
    except (httpx.HTTPError, OSError, RuntimeError, ValueError) as fault:
        raise DemitasseError(_sentence(folder, repo, _said(fault, token))) from None
    return f"{api.endpoint}/{name}"


def _operations(api: HfApi, name: str, folder: Path) -> list[Any]:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    stale = [path for path in api.list_repo_files(name) if path.endswith(STALE) and path not in files]
    added = [CommitOperationAdd(path, str(file)) for path, file in files.items()]
    return [*(CommitOperationDelete(path) for path in stale), *added]


def _sentence(folder: Path, repo: str, reason: str) -> str:
    return (
        f"--push {repo}: not finished: {reason}; {folder} is whole, and the same command goes on: "
        "what the Hub has is not sent again"
    )


def _said(fault: Exception, token: str) -> str:
    """An error's words on one line, of bounded length, and without the token should it be among them."""
    cause = "" if str(fault.__cause__) in str(fault) else fault.__cause__ or ""
    words = " ".join(f"{fault} {cause}".split()) or type(fault).__name__
    return words.replace(token, "…")[:400]
