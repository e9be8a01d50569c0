"""Shift: against textbook loops, scipy and scikit-learn; 0 where there is none, more the more is lost."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.linalg import sqrtm
from scipy.stats import binom, kstest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import polynomial_kernel, rbf_kernel
from sklearn.preprocessing import normalize

from fixtures.specimens.dataset import load
from harness.errors import UsageError
from harness.metrics import classifier_auc, fid, kid, mmd2, mmd2_test, swap_sums

SEEDS = st.integers(0, 2**32 - 1)


def drawn(seed, n=12, m=9, d=4, apart=0.5):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) + 0.2, rng.normal(size=(m, d)) + 0.2 + apart


def textbook(kernel, paired=False):
    """The U-statistic of a kernel matrix over x and y, term by term."""
    across, x, y = kernel
    n, m = across.shape
    within_x = sum(x[i, j] for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    within_y = sum(y[i, j] for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    pairs = [across[i, j] for i in range(n) for j in range(m) if i != j or not paired]
    return within_x + within_y - 2 * sum(pairs) / len(pairs)


def rbf(x, y, sigma):
    x, y = normalize(x), normalize(y)
    return [rbf_kernel(a, b, gamma=1 / (2 * sigma**2)) for a, b in ((x, y), (x, x), (y, y))]


class TestAgainstOthers:
    @given(SEEDS, st.sampled_from([0.3, 1.0, 10.0]), st.booleans())
    def test_mmd2_is_the_textbooks(self, seed, sigma, paired):
        x, y = drawn(seed, 8, 8 if paired else 6)
        expected = textbook(rbf(x, y, sigma), paired)
        assert mmd2(x, y, sigma=sigma, paired=paired) == pytest.approx(expected, abs=1e-12)

    @given(SEEDS)
    def test_cmmd_is_the_biased_estimate_times_a_thousand(self, seed):
        """As its authors publish it: the means of whole kernel matrices, diagonals included."""
        x, y = drawn(seed, 9, 9)
        across, of_x, of_y = rbf(x, y, 10.0)
        published = 1000 * (of_x.mean() + of_y.mean() - 2 * across.mean())
        diagonals = sum((1 - (side.sum() - 9) / 72) / 9 for side in (of_x, of_y))
        assert published == pytest.approx(1000 * (mmd2(x, y) + diagonals), abs=1e-9)

    @given(SEEDS, st.booleans())
    def test_kid_is_scikit_learns_polynomial_kernel(self, seed, paired):
        x, y = drawn(seed, 8, 8 if paired else 6)
        kernels = [polynomial_kernel(a, b, degree=3, coef0=1) for a, b in ((x, y), (x, x), (y, y))]
        assert kid(x, y, paired=paired) == pytest.approx(textbook(kernels, paired), rel=1e-9)

    def test_kid_over_subsets_is_about_kid_and_all_of_the_images_are_one_subset(self):
        x, y = drawn(0, 300, 300)
        assert kid(x, y, subsets=200, subset_size=50) == pytest.approx(kid(x, y), rel=0.1)
        assert kid(x, y, subsets=1, paired=True) == pytest.approx(kid(x, y, paired=True))

    @given(SEEDS)
    def test_fid_is_that_of_scipys_matrix_root(self, seed):
        x, y = drawn(seed, 30, 20, 3)
        of_x, of_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
        means = ((x.mean(0) - y.mean(0)) ** 2).sum()
        assert fid(x, y) == pytest.approx(
            means + np.trace(of_x + of_y - 2 * sqrtm(of_x @ of_y).real), rel=1e-6
        )

    @pytest.mark.parametrize("paired", [True, False])
    def test_the_area_is_that_of_scikit_learns_logistic_regression(self, paired):
        """All components, so that turning them changes nothing; folds are found again by their sizes."""
        x, y = drawn(1, 60, 60, apart=0.4)
        rng = np.random.default_rng(0)
        first = rng.permutation(60) % 5
        folds = np.concatenate([first, first if paired else rng.permutation(60) % 5])
        both = np.concatenate([x, y])
        both = (both - both.mean(0)) / np.sqrt(((both - both.mean(0)) ** 2).mean())
        second, areas = np.repeat([0, 1], 60), []
        for fold in range(5):
            model = LogisticRegression(C=1.0, tol=1e-10, max_iter=1000)
            model.fit(both[folds != fold], second[folds != fold])
            scores = model.decision_function(both[folds == fold])
            areas.append(roc_auc_score(second[folds == fold], scores))
        assert classifier_auc(x, y, paired=paired) == pytest.approx(np.mean(areas), abs=1e-9)


class TestProperties:
    @given(SEEDS)
    def test_which_set_comes_first_does_not_matter(self, seed):
        x, y = drawn(seed, 10, 10)
        for measure in (mmd2, kid, fid, lambda a, b: mmd2(a, b, paired=True)):
            assert measure(x, y) == pytest.approx(measure(y, x), abs=1e-9)
        assert classifier_auc(x, y, paired=True) == pytest.approx(classifier_auc(y, x, paired=True), abs=1e-9)

    @given(SEEDS)
    def test_length_does_not_matter_to_mmd2(self, seed):
        x, y = drawn(seed)
        assert mmd2(x * 7, y / 3) == pytest.approx(mmd2(x, y), abs=1e-12)

    @given(SEEDS)
    def test_an_image_that_stays_as_it_was_adds_no_shift(self, seed):
        x, _ = drawn(seed)
        assert mmd2(x, x, paired=True) == pytest.approx(0, abs=1e-15)
        assert kid(x, x, paired=True) == pytest.approx(0, abs=1e-9)
        assert classifier_auc(x, x, paired=True) == 0.5
        assert mmd2_test(x, x, paired=True, replicates=19).p_value == 1

    @given(SEEDS)
    def test_weights_count_as_often_as_an_image_was_drawn(self, seed):
        x, y = drawn(seed, 12, 12)
        rng = np.random.default_rng(seed)
        weights = np.stack([np.ones(12, int), rng.permutation([2, 2, 3, *np.ones(6, int), 0, 0, 0])], axis=1)
        some = np.repeat(np.arange(12), weights[:, 1])
        kernels = [
            rbf_kernel(a, b, gamma=1 / 200) for a in map(normalize, (x, y)) for b in map(normalize, (x, y))
        ]
        swaps = kernels[0] + kernels[3] - kernels[1] - kernels[2]
        pairs = [swaps[i, j] for i in some for j in some if i != j]
        expected = [mmd2(x, y, paired=True), np.mean(pairs)]
        assert swap_sums(x, y, weights, block=5) == pytest.approx(expected, abs=1e-9)


class TestNoShift:
    """Halves of one set."""

    RUNS = 120

    def halves(self, seed, paired):
        rng = np.random.default_rng([7, seed])
        image = rng.normal(size=(40, 6)) + 1 if paired else 0.0
        x, y = (
            (image + rng.normal(size=(2, 40, 6)) * [0.5, 1, 1, 1, 2, 2])
            if paired
            else rng.normal(size=(2, 40, 6))
        )
        return x, y

    @pytest.mark.parametrize("paired", [True, False])
    def test_shifts_are_about_0_on_either_side_and_p_values_uniform(self, paired):
        shifts, p_values = [], []
        for seed in range(self.RUNS):
            x, y = self.halves(seed, paired)
            test = mmd2_test(x, y, paired=paired, replicates=99, seed=seed)
            shifts.append(test.value)
            p_values.append(test.p_value)
        standard_error = np.std(shifts) / self.RUNS**0.5
        assert abs(np.mean(shifts)) < 3.5 * standard_error
        # p-values are multiples of 1/100 and so never below a uniform one: shifted back by half a step.
        assert kstest(np.array(p_values) - 0.005, "uniform").pvalue > 0.001
        assert sum(p <= 0.05 for p in p_values) <= binom.ppf(0.999, self.RUNS, 0.05)

    def test_fid_of_halves_is_not_0_but_falls_with_n(self):
        rng = np.random.default_rng(0)
        few, many = (fid(*rng.normal(size=(2, n, 20))) for n in (50, 2000))
        assert few > 5 * many > 0

    def test_dependent_images_that_swap_together_are_no_shift(self):
        """Ten images twenty times over: 200 coins would call the accident of ten a shift."""
        alone, together = [], []
        for seed in range(30):
            rng = np.random.default_rng([3, seed])
            x, y = np.repeat(rng.normal(size=(2, 10, 4)) + 1, 20, axis=1)
            groups = np.repeat(np.arange(10), 20).tolist()
            alone.append(mmd2_test(x, y, paired=True, replicates=99, seed=seed).p_value)
            together.append(mmd2_test(x, y, paired=True, groups=groups, replicates=99, seed=seed).p_value)
        assert np.mean(np.array(alone) <= 0.05) > 0.5
        assert np.sum(np.array(together) <= 0.05) <= binom.ppf(0.999, 30, 0.05)


@pytest.fixture(scope="module")
def shifts():
    faces = load(None, "val")
    pictures = [Image.fromarray(faces.pixels(i)).resize((48, 48), Image.BICUBIC) for i in range(0, 420, 3)]
    weights = np.random.default_rng(0).normal(size=(5, 5, 3, 32)) / 75**0.5

    def embedded(size):
        resized = [p.resize((size,) * 2, Image.BICUBIC).resize((48, 48), Image.BICUBIC) for p in pictures]
        pixels = np.stack([np.asarray(p, np.float64) / 255 - 0.5 for p in resized])
        windows = np.lib.stride_tricks.sliding_window_view(pixels, (5, 5), (1, 2))[:, ::2, ::2]
        maps = np.maximum(np.einsum("nhwcij,ijcf->nhwf", windows, weights), 0)
        return np.concatenate([maps.mean((1, 2)), maps.std((1, 2)), maps.max((1, 2))], axis=1)

    whole = embedded(48)
    return {size: (whole, embedded(size)) for size in (32, 24, 16, 12, 8)}


class TestDownSampling:
    """Drawn faces, shrunk and enlarged again, through a fixed random network."""

    @pytest.mark.parametrize(
        "measure",
        [
            lambda x, y: mmd2(x, y, paired=True),
            mmd2,
            kid,
            fid,
            lambda x, y: classifier_auc(x, y, components=4),
        ],
        ids=["paired mmd2", "mmd2", "kid", "fid", "auc"],
    )
    def test_the_less_is_left_the_larger_the_shift(self, shifts, measure):
        found = [measure(*sides) for sides in shifts.values()]
        assert found == sorted(found)
        assert found[-1] > found[0]

    def test_what_shrinks_to_a_half_is_told_from_what_was_whole(self, shifts):
        assert mmd2_test(*shifts[24], paired=True, replicates=99).p_value == 0.01
        assert classifier_auc(*shifts[24], paired=True) > 0.8


class TestRefusals:
    X = np.ones((6, 2)) + np.eye(6, 2)

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda x: mmd2(x, x[:, :1]), r"\(N, D\) and \(M, D\) .* got \(6, 2\) and \(6, 1\)"),
            (lambda x: kid(x, x[:1]), "with N, M > 1"),
            (lambda x: fid(x[0], x[0]), "one embedding per image"),
            (lambda x: mmd2(x, x[:4], paired=True), r"paired embeddings of one shape.*\(4, 2\)"),
            (lambda x: mmd2(x, x * np.nan), "finite embeddings"),
            (lambda x: mmd2(x, x * 0), "all zero"),
            (lambda x: mmd2_test(x, x, groups=["a"] * 6), "`groups` for paired sets only"),
            (lambda x: classifier_auc(x, x[:4]), "got 5 for sets of 6 and 4"),
            (lambda x: classifier_auc(x, x, paired=True, groups=["a"] * 6), "number of images or groups"),
        ],
    )
    def test_what_cannot_be_compared_is_named_in_one_line(self, call, message):
        with pytest.raises(UsageError, match=message) as caught:
            call(self.X)
        assert "\n" not in str(caught.value)


@settings(max_examples=20)
@given(SEEDS)
def test_the_same_seed_gives_the_same_p_value(seed):
    x, y = drawn(seed, 20, 20)
    assert mmd2_test(x, y, replicates=49, seed=seed) == mmd2_test(x, y, replicates=49, seed=seed)
