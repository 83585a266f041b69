"""Publish files on the Hub in one commit, or change nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError

from zoo_compress.core import Progress, ProgressCallback
from zoo_compress.errors import HubError
from zoo_compress.hub.contents import Content
from zoo_compress.hub.proposals import open_proposal
from zoo_compress.hub.publication import Pushed, Target
from zoo_compress.hub.remote import MAIN, Remote, look
from zoo_compress.hub.retry import RetryPolicy, retried, status_of
from zoo_compress.hub.tags import require_free_tag
from zoo_compress.hub.upload import UPLOAD_ATTEMPTS, upload

T = TypeVar("T")

CONFLICT = 409
STALE = 412


@dataclass(frozen=True, kw_only=True)
class Push:
    """The work of one push; every step may be done again after it failed half-way.

    Attributes:
        api: The client.
        target: Where to push.
        contents: All files.
        author: Name of the account.
        message: First line of the commit, or title of the pull request.
        policy: How patient to be.
        progress: Told how far the work has come.
    """

    api: HfApi
    target: Target
    contents: tuple[Content, ...]
    author: str
    message: str
    policy: RetryPolicy
    progress: ProgressCallback

    def rehearse(self) -> Pushed:
        """Look at what is there and return what a push would do."""
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

    def carry_out(self) -> Pushed:
        """Push.

        Raises:
            HubError: If the repository does not fit, or someone else changed one of the files.
            Exception: Whatever else the client raises.
        """
        before = self._checked()
        ready = self._ready(before)
        lacking = ready.lacking(self.contents)
        done = self._found(ready) or self._committed(ready, self._uploaded(ready, lacking))
        sent = lacking if done.commit not in (None, ready.commit) else ()
        return self._tagged(ready, replace(done, created=not before.exists, sent=sent))

    def _checked(self) -> Remote:
        """Look at the repository and check that it is what was asked for."""
        self._report(0, "looking at what is there")
        remote = self._look()
        self.target.require_fit(remote)
        self._tried(lambda: require_free_tag(self.api, self.target, self.contents, remote))
        return remote

    def _look(self) -> Remote:
        return self._tried(lambda: look(self.api, self.target.repo_id, self.target.branch))

    def _ready(self, remote: Remote) -> Remote:
        """Make the repository and the branch if they are missing, and look again."""
        if not remote.exists:
            self._tried(self._make_repository)
            remote = self._look()
            if not remote.exists:
                raise HubError(
                    f"'{self.target.repo_id}': the name is taken by a repository that this token "
                    "may not see; choose another one"
                )
            self.target.require_fit(remote)
        branch, start = self.target.branch, remote.commit
        if branch is None or remote.has_branch:
            return remote
        self._tried(
            lambda: self.api.create_branch(
                self.target.repo_id, branch=branch, revision=start, exist_ok=True
            )
        )
        return self._look()

    def _make_repository(self) -> None:
        try:
            self.api.create_repo(self.target.repo_id, private=self.target.private or None)
        except HfHubHTTPError as error:
            # It is there: an answer was lost, or someone was faster. The next look tells.
            if status_of(error) != CONFLICT:
                raise

    def _found(self, remote: Remote) -> Pushed | None:
        """Return what holds all files already: the branch, or a pull request of ours."""
        if not remote.lacking(self.contents):
            return self._result(self._page(), remote.commit)
        proposal = self._proposal(remote)
        if proposal is None:
            return None
        return self._result(proposal, None, pull_request=proposal)

    def _proposal(self, remote: Remote) -> str | None:
        if not self.target.propose:
            return None
        repo_id = self.target.repo_id
        return self._tried(
            lambda: open_proposal(self.api, repo_id, self.contents, remote, author=self.author)
        )

    def _uploaded(
        self, remote: Remote, lacking: Sequence[Content]
    ) -> Mapping[str, CommitOperationAdd]:
        """Send the large files; nobody sees them before there is a commit."""
        operations = {
            content.path: CommitOperationAdd(content.path, content.source) for content in lacking
        }
        self._report(0, f"sending {len(lacking)} files, {sum(c.size for c in lacking)} bytes")
        self._tried(
            lambda: upload(self.api, self.target, list(operations.values()), remote.branch),
            attempts=UPLOAD_ATTEMPTS,
        )
        return operations

    def _committed(self, seen: Remote, operations: Mapping[str, CommitOperationAdd]) -> Pushed:
        """Commit; once more on top of what is there then, if that is not what was looked at."""
        try:
            return self._tried(lambda: self._commit(seen, operations))
        except HfHubHTTPError as error:
            if status_of(error) not in (STALE, CONFLICT):
                raise
        self._report(0, "looking again")
        return self._tried(lambda: self._commit(seen, operations))

    def _commit(self, seen: Remote, operations: Mapping[str, CommitOperationAdd]) -> Pushed:
        """Make the commit on top of what is there now, unless an earlier attempt has made it."""
        now = self._look()
        found = self._found(now)
        if found is not None:
            return found
        self._require_untouched(seen, now)
        self._report(0, "committing")
        made = self.api.create_commit(
            self.target.repo_id,
            [operations[content.path] for content in now.lacking(self.contents)],
            commit_message=self.message,
            revision=now.branch,
            parent_commit=now.commit,
            create_pr=self.target.propose,
        )
        self._report(1, "")
        return self._result(made.pr_url or made.commit_url, made.oid, pull_request=made.pr_url)

    def _require_untouched(self, seen: Remote, now: Remote) -> None:
        """Check that nobody else changed one of our files since we looked first."""
        changed = [
            content.path
            for content in now.lacking(self.contents)
            if now.files.get(content.path) != seen.files.get(content.path)
        ]
        if changed:
            raise HubError(
                f"'{self.target.repo_id}': someone else changed {', '.join(changed)} while this "
                "was pushed; look at it and push again"
            )

    def _tagged(self, remote: Remote, pushed: Pushed) -> Pushed:
        tag, commit = self.target.tag, pushed.commit
        if tag is None or commit is None or tag in remote.tags:
            return replace(pushed, tag=tag)
        try:
            self._tried(
                lambda: self.api.create_tag(
                    self.target.repo_id, tag=tag, revision=commit, exist_ok=True
                )
            )
        except HfHubHTTPError as error:
            raise HubError(
                f"'{self.target.repo_id}': the files are there, as commit {commit[:12]}, but the "
                f"Hub refused the tag '{tag}' (HTTP {status_of(error)}); push again"
            ) from error
        return replace(pushed, tag=tag)

    def _result(self, url: str, commit: str | None, pull_request: str | None = None) -> Pushed:
        return Pushed(url=url, commit=commit, created=False, sent=(), pull_request=pull_request)

    def _page(self) -> str:
        page = f"{self.api.endpoint}/{self.target.repo_id}"
        branch = self.target.branch
        return page if branch in (None, MAIN) else f"{page}/tree/{branch}"

    def _tried(self, call: Callable[[], T], attempts: int | None = None) -> T:
        policy = self.policy if attempts is None else replace(self.policy, attempts=attempts)
        return retried(call, policy=policy, before_wait=self._waiting)

    def _waiting(self, seconds: float) -> None:
        self._report(0, f"the Hub does not answer as it should, again in {seconds:.0f} s")

    def _report(self, done: int, detail: str) -> None:
        self.progress(Progress(stage="push", done=done, total=1, detail=detail))
