"""A prefix of a bucket in S3, as a storage of exports."""

from __future__ import annotations

from fastsync.aws.s3.bucket import REPLACED, Bucket, Download
from fastsync.errors import FileReplaced, RequestFailed, TableError
from fastsync.exports.place import S3_SCHEME, Place
from fastsync.exports.storage import ByteStream, Folder, StoredFile
from fastsync.model.wording import escape_unprintable


class S3Storage:
    """A prefix of a bucket; `/` divides its keys into folders."""

    def __init__(self, place: Place, bucket: Bucket):
        self._place = place
        self._bucket = bucket

    def identify_folder(self, path: str) -> tuple[str, ...]:
        """Return server, bucket and prefix."""
        return ("s3", self._bucket.endpoint_url or "", self._bucket.name, self._key_of(path))

    def list_folder(self, path: str) -> Folder | None:
        """Return what lies directly under a prefix, None where there is nothing."""
        key = self._key_of(path)
        prefix = f"{key}/" if key else ""
        try:
            objects, prefixes = self._bucket.list_folder(prefix)
        except RequestFailed as error:
            raise TableError(str(error)) from None
        if not objects and not prefixes:
            return None
        files = {}
        for each in objects:
            name = each.key.removeprefix(prefix)
            if name:  # an object that stands for the folder itself has no name in it
                files[name] = StoredFile(f"{path}/{name}".removeprefix("/"), each.size_bytes, each.etag)
        return Folder(files, tuple(each.removeprefix(prefix).removesuffix("/") for each in prefixes))

    def open_file(self, file: StoredFile) -> ByteStream:
        """Open an object on condition that it is the one that was listed."""
        download = self._bucket.open_object(self._key_of(file.path), file.size_bytes, file.version)
        return _CheckedDownload(download, self.name_file(file.path))

    def name_file(self, path: str) -> str:
        """Return the address of an object, as other tools take it."""
        return escape_unprintable(f"{S3_SCHEME}{self._bucket.name}/{self._key_of(path)}")

    def _key_of(self, path: str) -> str:
        if not path or not self._place.path:
            return path or self._place.path
        return f"{self._place.path}/{path}"


class _CheckedDownload:
    """A download that tells damage where the object is another one by now."""

    def __init__(self, download: Download, name: str):
        self._download = download
        self._name = name

    def read(self, size: int) -> bytes:
        try:
            return self._download.read(size)
        except RequestFailed as error:
            if error.code in REPLACED:
                raise FileReplaced(f"{self._name} was replaced or removed after it was listed ({error.code})") from None
            raise

    def close(self) -> None:
        self._download.close()
