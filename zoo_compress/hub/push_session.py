"""An account and a repository, found fit for a push before anything is done for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from huggingface_hub import HfApi

from zoo_compress.core import ProgressCallback, ignore_progress
from zoo_compress.hub.account import Account, require_name, sign_in
from zoo_compress.hub.callbacks import carried
from zoo_compress.hub.client import hub_client
from zoo_compress.hub.contents import Content
from zoo_compress.hub.publication import Pushed, Target
from zoo_compress.hub.push import Push
from zoo_compress.hub.push_failures import push_errors
from zoo_compress.hub.quiet_push import quiet_push
from zoo_compress.hub.remote import Remote, look
from zoo_compress.hub.retry import PATIENT, RetryPolicy, retried


@dataclass(frozen=True, kw_only=True)
class PushSession:
    """An account and a repository, looked at and found fit for a push.

    Attributes:
        api: The client.
        target: Where to push.
        account: Whose token it is.
        remote: What the repository held when the session began.
        policy: How patient to be with the Hub.
    """

    api: HfApi
    target: Target
    account: Account
    remote: Remote
    policy: RetryPolicy = PATIENT

    @property
    def public(self) -> bool:
        """Whether everyone will see what is pushed."""
        return self.target.is_public(self.remote)

    def push(
        self,
        contents: Sequence[Content],
        *,
        message: str,
        dry_run: bool = False,
        progress: ProgressCallback = ignore_progress,
    ) -> Pushed:
        """Bring files into the repository with one commit on top of what was looked at.

        Nothing is sent that is there already, and nothing is committed if nothing changed.
        Whatever fails, the branch is as it was or holds all files, and the same call goes on.

        Args:
            contents: All files.
            message: First line of the commit, or title of the pull request.
            dry_run: Only look; what is returned is what would be done.
            progress: Told how far the work has come.

        Raises:
            HubError: If the Hub refuses, cannot be reached, is not what answered, or someone else
                changed one of the files meanwhile.
        """
        work = Push(
            api=self.api,
            target=self.target,
            contents=tuple(contents),
            author=self.account.name,
            message=message,
            policy=self.policy,
            progress=carried(progress),
        )
        with push_errors(self.target.repo_id), quiet_push() as said:
            done = work.rehearse() if dry_run else work.carry_out()
        return replace(done, notes=(*done.notes, *said))


def open_session(
    target: Target, *, api: HfApi | None = None, policy: RetryPolicy = PATIENT
) -> PushSession:
    """Find out whether a push could succeed, without writing anything.

    Args:
        target: Where to push.
        api: The client; by default one that reads HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE.
        policy: How patient to be with the Hub.

    Raises:
        HubError: If the name or the wishes make no sense, there is no valid token, the account
            may not write there, the repository does not fit, or the Hub cannot be reached.
    """
    require_name(target.repo_id)
    target.require_sense()
    api = hub_client() if api is None else api
    with push_errors(target.repo_id), quiet_push():
        account = retried(lambda: sign_in(api), policy=policy)
        account.require_writing(target.repo_id, proposing=target.propose)
        remote = retried(lambda: look(api, target.repo_id, target.branch), policy=policy)
    target.require_fit(remote)
    return PushSession(api=api, target=target, account=account, remote=remote, policy=policy)
