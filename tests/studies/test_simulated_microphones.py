import numpy as np
import soundfile
from simulated_microphones import write_responses

from asc_nas.audio.logmel import FrontEnd
from asc_nas.data.impulse_responses import read_responses

FRONT_END = FrontEnd(
    sample_rate=32_000, n_mels=64, win_length=1_280, hop_length=640, n_fft=1_280, seconds=1
)


def test_training_reads_as_many_different_microphones_as_were_written(tmp_path):
    write_responses(tmp_path, 4, seed=0)
    responses = read_responses(tmp_path, FRONT_END).numpy()
    ranges = np.ptp(responses, axis=1)
    assert ((ranges > 9) & (ranges < 12.1)).all()  # 12 dB, less what lies outside of the bands
    distances = np.abs(responses[:, None] - responses[None]).max(2)
    assert (distances[~np.eye(4, dtype=bool)] > 1).all()


def test_microphones_depend_on_the_seed_alone(tmp_path):
    def written(seed, folder):
        write_responses(tmp_path / folder, 2, seed)
        return [soundfile.read(path)[0] for path in sorted((tmp_path / folder).iterdir())]

    first, again, other = written(0, "a"), written(0, "b"), written(1, "c")
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
