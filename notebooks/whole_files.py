"""Looks at paths before they are used, and writes files whole or not at all."""

import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


class AnonymizeError(ValueError):
    """Something about the input or the request is wrong; the message says what to do."""


class PathRefused(AnonymizeError):
    """A path is missing, of the wrong sort, outside the allowed folders, or taken."""


def authorize_source(source: str | Path, allowed: Sequence[Path] | None = None) -> Path:
    """Return the real path of `source` once it is known to be a readable file in an allowed folder.

    Links are followed first, so that a link inside an allowed folder cannot lead out of it.

    Args:
        source: the file to read.
        allowed: the folders that may be used; None is the current folder alone.

    Raises:
        PathRefused: there is no such file, it is not a regular one, or it may not be read.
    """
    path = _sound(source)
    try:
        real = path.resolve()
        _inside_allowed(path, real, allowed)
        mode = real.stat().st_mode
    except FileNotFoundError:
        raise PathRefused(f"{path} does not exist. {_neighbours(path)}") from None
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        raise PathRefused(f"{path!s:.300} cannot be opened ({error}). Check the path") from None
    if not stat.S_ISREG(mode):
        raise PathRefused(f"{path} is not a regular file. Give the path of a CSV file")
    if not os.access(real, os.R_OK):
        raise PathRefused(f"{path} may not be read. Change its permissions, or give a copy")
    return real


def authorize_target(
    target: str | Path,
    allowed: Sequence[Path] | None = None,
    *,
    source: Path | None = None,
    overwrite: bool = False,
) -> Path:
    """Return the real path of `target` once it is known that a file can be written there.

    Args:
        target: the file to write. Its folder must exist.
        allowed: the folders that may be used; None is the current folder alone.
        source: what `target` must not be, under whatever name.
        overwrite: whether a file that exists may be replaced.

    Raises:
        PathRefused: the folder is missing or not writable, or the name is taken.
    """
    path = _sound(target)
    try:
        real = path.parent.resolve() / path.name
        _inside_allowed(path, real, allowed)
        real.parent.stat()
        taken = _status(real)
    except FileNotFoundError:
        raise PathRefused(f"There is no folder {path.parent}. Make it first") from None
    except NotADirectoryError:
        raise PathRefused(f"{path.parent} is not a folder. Give a path in a folder") from None
    except (OSError, RuntimeError) as error:
        raise PathRefused(f"{path!s:.300} cannot be written ({error}). Check the path") from None
    if source is not None and _is_same(real, source):
        raise PathRefused(f"{path} is the source itself. Give the target another name")
    if taken is not None and stat.S_ISDIR(taken.st_mode):
        raise PathRefused(f"{path} is a folder. Give the path of a file in it")
    if taken is not None and not overwrite:
        raise _taken(path)
    if not os.access(real.parent, os.W_OK | os.X_OK):
        raise PathRefused(f"{real.parent} may not be written to. Choose another folder")
    return real


def _sound(path: str | Path) -> Path:
    if "\0" in str(path):
        raise PathRefused(f"{str(path)!r:.300} holds a NUL byte. Check the path")
    return Path(path)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except FileNotFoundError:
        return None


def _inside_allowed(path: Path, real: Path, allowed: Sequence[Path] | None) -> None:
    folders = [Path(folder).resolve() for folder in ([Path()] if allowed is None else allowed)]
    if not any(real.is_relative_to(folder) for folder in folders):
        names = ", ".join(map(str, folders)) or "none"
        raise PathRefused(
            f"{path} is outside the allowed folders ({names}). "
            f"Move it there, or pass allowed=[…] with its folder"
        )


def _is_same(target: Path, source: Path) -> bool:
    # By the file, not by its name alone: links, and file systems that ignore case.
    return target == source or (target.exists() and target.samefile(source))


def _neighbours(path: Path) -> str:
    try:
        names = sorted(entry.name for entry in path.parent.iterdir() if entry.suffix == ".csv")
    except OSError:
        return f"Nor does its folder {path.parent}"
    if not names:
        return f"Its folder {path.parent.resolve()} holds no CSV file"
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"Its folder holds {', '.join(names[:5])}{more}"


def _taken(path: Path) -> PathRefused:
    return PathRefused(f"{path} exists. Pass overwrite=True to replace it, or give another name")


@contextmanager
def written_whole(
    target: Path, *, overwrite: bool = False, encoding: str = "utf-8"
) -> Iterator[TextIO]:
    """Open a new file that becomes `target` when the block ends, and never existed if it raises.

    The block writes to a file of a unique name in the same folder. At the end it is brought to the
    disk and moved, so that `target` is at every moment either absent, the old file, or complete.
    Whatever leaves the block, a cancel or Ctrl-C included, removes the new file.

    Args:
        target: a path that `authorize_target` returned.
        overwrite: whether a file that exists by the end of the block is replaced.
        encoding: how text is saved. Line ends stay as they are written.

    Raises:
        PathRefused: the folder takes no file, or `target` was made by another program meanwhile.
        OSError: the disk is full, and whatever else writing can bring.

    Example:
        with written_whole(Path("numbers.csv")) as file:
            file.write("one,two")
    """
    # The folder's limit is on the whole name, so a long one is cut; a dot keeps listings clean.
    temporary = target.with_name(f".{target.name[:60]}.{secrets.token_hex(8)}.part")
    try:
        with _created(temporary, target, encoding) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _publish(temporary, target, overwrite=overwrite)
    finally:
        temporary.unlink(missing_ok=True)


def _created(temporary: Path, target: Path, encoding: str) -> TextIO:
    try:
        return temporary.open("x", encoding=encoding, newline="")
    except OSError as error:
        raise PathRefused(
            f"{target.parent} takes no new file ({error.strerror}). Choose another folder"
        ) from None


def _publish(temporary: Path, target: Path, *, overwrite: bool) -> None:
    if overwrite:
        temporary.replace(target)
    else:
        _move_unless_taken(temporary, target)
    if os.name == "posix":
        # The name is in the folder, and the folder is what a power cut would lose.
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _move_unless_taken(temporary: Path, target: Path) -> None:
    try:
        # Unlike replace, a link fails when another program was faster.
        target.hardlink_to(temporary)
    except FileExistsError:
        raise _taken(target) from None
    except OSError as error:  # a file system without hard links, or a name that is too long
        if os.path.lexists(target):
            raise _taken(target) from None
        try:
            temporary.rename(target)
        except OSError:
            raise PathRefused(
                f"{target!s:.300} cannot be created ({error.strerror}). Give another name"
            ) from None
