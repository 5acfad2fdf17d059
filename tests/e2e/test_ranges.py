"""What training saw arrives at the server."""

from mlops.packaging.bundle import Bundle
from mlops.packaging.ranges import Ranges


def test_a_release_serves_with_what_its_training_saw(project):
    assert project("release").code == 0
    [path] = (project.folder / ".weighbridge" / "bundles").glob("small-*")
    seen, dataset = Ranges.read(Bundle.open(path).ranges), project.open().dataset
    assert seen == Ranges.of(
        dataset.train.select(dataset.features).iter_columns(), dataset.train_fingerprint.sha256
    )
    assert set(seen.fields) == {"delay", "distance", "carrier"}
    assert seen.fields["carrier"].categories == ("AA", "UA", "WN")
