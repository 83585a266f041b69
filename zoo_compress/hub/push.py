"""Publish files on the Hub in one commit, or change nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError

from zoo_compress.core import Progress, ProgressCallback, ignore_progress
from zoo_compress.errors import HubError
from zoo_compress.hub.account import Account, require_name, sign_in
from zoo_compress.hub.contents import Content
from zoo_compress.hub.proposals import open_proposal
from zoo_compress.hub.publication import Pushed, Target
from zoo_compress.hub.push_failures import push_errors, status_of
from zoo_compress.hub.quiet import quiet_client
from zoo_compress.hub.remote import MAIN, Remote, look
from zoo_compress.hub.retry import retried
from zoo_compress.hub.tags import require_free_tag, set_tag

CONFLICT = 409
STALE = 412


@dataclass(frozen=True, kw_only=True)
class PushSession:
    """An account and a repository, looked at and found fit for a push.

    Attributes:
        api: The client.
        target: Where to push.
        account: Whose token it is.
        remote: What the repository held when the session began.
    """

    api: HfApi
    target: Target
    account: Account
    remote: Remote

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
        work = _Push(
            api=self.api,
            target=self.target,
            contents=tuple(contents),
            account=self.account,
            message=message,
            progress=progress,
        )
        with push_errors(self.target.repo_id), quiet_client() as said:
            done = work.rehearsed() if dry_run else work.done()
        return replace(done, notes=(*done.notes, *said))


def open_session(target: Target, api: HfApi | None = None) -> PushSession:
    """Find out whether a push could succeed, without writing anything.

    Args:
        target: Where to push.
        api: The client; by default one that reads HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE.

    Raises:
        HubError: If the name or the wishes make no sense, there is no valid token, the account
            may not write there, the repository does not fit, or the Hub cannot be reached.
    """
    require_name(target.repo_id)
    target.require_sense()
    api = HfApi() if api is None else api
    with push_errors(target.repo_id), quiet_client():
        account = sign_in(api)
        account.require_writing(target.repo_id, proposing=target.propose)
        remote = retried(lambda: look(api, target.repo_id, target.branch))
    target.require_fit(remote)
    return PushSession(api=api, target=target, account=account, remote=remote)


@dataclass(frozen=True, kw_only=True)
class _Push:
    api: HfApi
    target: Target
    contents: tuple[Content, ...]
    account: Account
    message: str
    progress: ProgressCallback

    def rehearsed(self) -> Pushed:
        """Look at what is there and say what would be done."""
        remote = self._checked()
        lacking = remote.lacking(self.contents)
        proposal = self._proposal(remote) if lacking else None
        return Pushed(
            url=proposal or self._page(),
            commit=None if lacking else remote.commit,
            created=not remote.exists,
            sent=() if proposal else lacking,
            pull_request=proposal,
            tag=self.target.tag,
        )

    def done(self) -> Pushed:
        """Do it."""
        before = self._checked()
        ready = self._ready(before)
        lacking = ready.lacking(self.contents)
        if not lacking:
            assert ready.commit is not None
            return self._tagged(ready, self._result(before, self._page(), ready.commit))
        proposal = self._proposal(ready)
        if proposal is not None:
            return self._result(before, proposal, None, pull_request=proposal)
        operations = self._uploaded(ready, lacking)
        made = self._committed(ready, operations)
        return self._tagged(ready, replace(made, created=not before.exists, sent=lacking))

    def _checked(self) -> Remote:
        """Look at the repository and check that it is what was asked for."""
        self._report(0, "looking at what is there")
        remote = self._look()
        self.target.require_fit(remote)
        retried(lambda: require_free_tag(self.api, self.target, self.contents, remote))
        return remote

    def _look(self) -> Remote:
        return retried(lambda: look(self.api, self.target.repo_id, self.target.branch))

    def _ready(self, remote: Remote) -> Remote:
        """Make the repository and the branch if they are missing."""
        if remote.exists and remote.has_branch:
            return remote
        if not remote.exists:
            retried(self._make_repository)
            remote = self._look()
            if not remote.exists:
                raise HubError(
                    f"'{self.target.repo_id}': the name is taken by a repository that this token "
                    "may not see; choose another one"
                )
            self.target.require_fit(remote)
        if self.target.branch is not None and not remote.has_branch:
            retried(lambda: self._make_branch(self.target.branch or MAIN, remote))
            remote = self._look()
        return remote

    def _make_repository(self) -> None:
        try:
            self.api.create_repo(self.target.repo_id, private=self.target.private or None)
        except HfHubHTTPError as error:
            # It is there: an answer was lost, or someone was faster. The next look tells.
            if status_of(error) != CONFLICT:
                raise

    def _make_branch(self, branch: str, remote: Remote) -> None:
        self.api.create_branch(
            self.target.repo_id, branch=branch, revision=remote.commit, exist_ok=True
        )

    def _proposal(self, remote: Remote) -> str | None:
        """Return the page of an open pull request of ours that holds these files already."""
        if not self.target.propose:
            return None
        return retried(
            lambda: open_proposal(
                self.api, self.target.repo_id, self.contents, remote, author=self.account.name
            )
        )

    def _uploaded(
        self, remote: Remote, lacking: Sequence[Content]
    ) -> dict[str, CommitOperationAdd]:
        """Send the large files; nobody sees them before there is a commit.

        The client tries again by itself here.
        """
        operations = {
            content.path: CommitOperationAdd(content.path, content.source) for content in lacking
        }
        size = sum(content.size for content in lacking)
        self._report(0, f"sending {len(lacking)} files, {size} bytes")
        self.api.preupload_lfs_files(
            self.target.repo_id,
            list(operations.values()),
            revision=remote.branch,
            create_pr=self.target.propose,
            free_memory=False,
        )
        # The client would leave these out of the commit without a word.
        ignored = [path for path, operation in operations.items() if operation._should_ignore]
        if ignored:
            raise HubError(
                f"'{self.target.repo_id}': its .gitignore keeps {', '.join(ignored)} out; change "
                "it there first"
            )
        return operations

    def _committed(self, seen: Remote, operations: dict[str, CommitOperationAdd]) -> Pushed:
        try:
            return retried(lambda: self._commit(seen, operations))
        except HfHubHTTPError as error:
            if status_of(error) != STALE:
                raise
        return retried(lambda: self._commit(seen, operations))

    def _commit(self, seen: Remote, operations: dict[str, CommitOperationAdd]) -> Pushed:
        """Make the commit on top of what is there now, unless an earlier try has made it.

        Raises:
            HubError: If someone else changed one of the files since `seen`.
        """
        now = self._look()
        lacking = now.lacking(self.contents)
        if not lacking:
            assert now.commit is not None
            return self._result(now, self._page(), now.commit)
        proposal = self._proposal(now)
        if proposal is not None:
            return self._result(now, proposal, None, pull_request=proposal)
        require_untouched(self.target, self.contents, seen, now)
        self._report(0, "committing")
        made = self.api.create_commit(
            self.target.repo_id,
            [operations[content.path] for content in lacking],
            commit_message=self.message,
            revision=now.branch,
            parent_commit=now.commit,
            create_pr=self.target.propose,
        )
        self._report(1, "")
        return self._result(
            now, made.pr_url or made.commit_url, made.oid, pull_request=made.pr_url
        )

    def _result(
        self, remote: Remote, url: str, commit: str | None, pull_request: str | None = None
    ) -> Pushed:
        return Pushed(
            url=url,
            commit=commit,
            created=not remote.exists,
            sent=(),
            pull_request=pull_request,
        )

    def _tagged(self, remote: Remote, pushed: Pushed) -> Pushed:
        tag = self.target.tag
        if tag is not None and tag not in remote.tags:
            assert pushed.commit is not None
            set_tag(self.api, self.target.repo_id, tag, pushed.commit)
        return replace(pushed, tag=tag)

    def _page(self) -> str:
        page = f"{self.api.endpoint}/{self.target.repo_id}"
        branch = self.target.branch
        return page if branch in (None, MAIN) else f"{page}/tree/{branch}"

    def _report(self, done: int, detail: str) -> None:
        self.progress(Progress(stage="push", done=done, total=1, detail=detail))


def require_untouched(
    target: Target, contents: Sequence[Content], seen: Remote, now: Remote
) -> None:
    """Check that nobody changed one of our files between two looks.

    Raises:
        HubError: If someone did.
    """
    changed = [
        content.path
        for content in contents
        if now.files.get(content.path) != seen.files.get(content.path) and not now.holds(content)
    ]
    if changed:
        raise HubError(
            f"'{target.repo_id}': someone else changed {', '.join(changed)} while this was "
            "pushed; look at it and push again"
        )
