"""Data and networks as users hold them: tables, sparse counts, any head and decoder."""

import keras
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from builders import digits, small_decoder, small_encoder, small_vae
from keras import layers, ops

from ald_keras import ALDCallback, GatedVAE, MaskedVAE, compact, tau_for
from ald_keras.likelihoods import NegativeBinomial
from ald_keras.metrics.arrays import as_array
from ald_keras.models.compaction import largest_difference

RNG = np.random.default_rng(0)
TABLE = pd.DataFrame(
    RNG.normal(size=(120, 5)), columns=list("abcde"), index=RNG.permutation(120)
)
KINDS = pd.Series(np.where(TABLE["a"] > 0, "high", "low"), index=TABLE.index)
COUNTS = sp.random(90, 40, density=0.1, random_state=0, format="coo")
COUNTS.data = np.ceil(5 * COUNTS.data)


def table_vae(features=5, latent_dim=4, **options):
    options = {"likelihood": "gaussian", "seed": 0, **options}
    keras.utils.set_random_seed(0)
    vae = MaskedVAE(
        small_encoder(8, (features,)),
        small_decoder(latent_dim, 8, (features,)),
        latent_dim,
        **options,
    )
    vae.compile("adam")
    return vae


# ---- tables


def test_a_table_is_the_array_that_it_holds():
    histories = [
        table_vae()
        .fit(x, validation_split=0.25, shuffle=False, epochs=2, verbose=0)
        .history
        for x in (TABLE, TABLE.to_numpy())
    ]
    assert histories[0] == histories[1]
    vae = table_vae()
    array = TABLE.to_numpy()
    np.testing.assert_array_equal(vae.encode(TABLE)[0], vae.encode(array)[0])
    np.testing.assert_array_equal(vae.elbo(TABLE), vae.elbo(array))
    assert tau_for(TABLE) == tau_for(array)


@pytest.mark.parametrize("by", ["validation", "probe"])
def test_texts_are_labels(by):
    callback = ALDCallback(
        n_clusters=2, probe=(TABLE, KINDS) if by == "probe" else None
    )
    history = table_vae().fit(
        TABLE,
        KINDS,
        validation_data=[TABLE, KINDS],
        epochs=1,
        callbacks=[callback],
        verbose=0,
    )
    assert 0.5 <= history.history["val_clustering_accuracy"][0] <= 1.0


def test_samples_as_their_own_labels_are_none():
    x = np.round(TABLE.to_numpy()[:, :1])
    history = table_vae(1).fit(
        x, x, validation_data=(x, x), epochs=1, callbacks=[ALDCallback()], verbose=0
    )
    assert "val_clustering_accuracy" not in history.history


def test_columns_that_are_no_numbers_are_named():
    table = TABLE.assign(city="Oslo", when=pd.Timestamp("2020-01-01"))
    for use in (table_vae(7).fit, table_vae(7).encode, tau_for):
        with pytest.raises(TypeError, match=r"\['city', 'when'\].*get_dummies"):
            use(table)
    assert table_vae(6).encode(TABLE.assign(yes=True))[0].shape == (120, 4)


def test_what_is_missing_among_integers_is_nan():
    table = pd.DataFrame({"a": pd.array([1, None, 3], "Int64"), "b": [0.5, 1.5, 2.5]})
    expected = [[1.0, 0.5], [np.nan, 1.5], [3.0, 2.5]]
    np.testing.assert_array_equal(as_array("x", table), expected)


def test_a_list_of_one_array_is_that_array():
    array = TABLE.to_numpy()
    vae = table_vae()
    vae.fit([array], validation_data=[[array]], epochs=1, verbose=0)
    np.testing.assert_array_equal(vae.encode([array])[0], vae.encode(array)[0])


@pytest.mark.parametrize("data", [list(TABLE.to_numpy()), TABLE.to_numpy().tolist()])
def test_lists_of_samples_are_errors(data):
    with pytest.raises(TypeError, match=r"one array, arrays by name.*np\.asarray"):
        table_vae().fit(data, verbose=0)


# ---- sparse counts


@pytest.mark.parametrize("cls", [MaskedVAE, GatedVAE])
def test_sparse_counts_train_as_dense_ones(cls):
    found = []
    for x in (COUNTS, COUNTS.toarray()):
        keras.utils.set_random_seed(0)
        options = {"tau": 50.0} if cls is GatedVAE else {}
        vae = cls(
            small_encoder(8, (40,)),
            small_decoder(4, 8, (40,)),
            4,
            likelihood="poisson",
            seed=0,
            **options,
        )
        vae.compile("adam")
        history = vae.fit(
            x, validation_data=(x,), shuffle=False, epochs=2, verbose=0
        ).history
        found.append((history, vae.evaluate(x, verbose=0), vae.elbo(x)))
        assert vae.predict(x, verbose=0).shape == (90, 40)
    for sparse, dense in zip(*found, strict=True):
        if isinstance(sparse, dict):
            assert sparse.keys() == dense.keys()
            sparse, dense = list(sparse.values()), list(dense.values())
        np.testing.assert_allclose(sparse, dense, rtol=1e-5)


def test_sparse_counts_are_checked_split_and_observed():
    bad = COUNTS.tolil()
    bad[3, 4] = 0.5
    with pytest.raises(ValueError, match="counts: 0, 1, 2.*such as 0.5"):
        table_vae(40, likelihood="poisson").fit(bad, verbose=0)
    vae = table_vae(40, likelihood="poisson")
    history = vae.fit(
        COUNTS,
        validation_split=0.3,
        epochs=2,
        callbacks=[ALDCallback(features=None)],
        verbose=0,
    )
    assert "val_silhouette" in history.history
    with pytest.raises(ValueError, match="shape"):
        vae.fit(COUNTS.tocsr()[:, :30], verbose=0)


# ---- scale


@pytest.mark.parametrize(
    ("likelihood", "scale"),
    [
        ("gaussian", 1.0),
        ("gaussian", 1e5),
        ("laplace", 1e5),
        ("poisson", 1.0),
        ("poisson", 1e3),
    ],
)
@pytest.mark.filterwarnings("ignore:The columns of .x. have")
def test_training_starts_at_any_scale(likelihood, scale):
    x = np.floor(scale * RNG.gamma(0.5, size=(200, 20))).astype("float32")
    vae = table_vae(20, likelihood=likelihood)
    losses = vae.fit(x, epochs=3, verbose=0).history["loss"]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("callbacks", [[], [ALDCallback(features=None)]])
def test_training_that_diverges_is_an_error(callbacks):
    vae = table_vae()
    vae.compile(keras.optimizers.SGD(1e9))
    with pytest.raises(ValueError, match=r"Epoch 1: .*'loss'.*log1p; standardise"):
        vae.fit(TABLE, validation_data=(TABLE,), callbacks=callbacks, verbose=0)


def test_added_heads_begin_with_the_variance_of_the_prior():
    vae = table_vae()
    mean, log_var = vae.encode(1e4 * TABLE)
    assert not np.any(ops.convert_to_numpy(log_var))
    assert np.std(np.asarray(mean)) > 1.0


@pytest.mark.parametrize(
    ("activation", "low", "high"),
    [("sigmoid", 0.0, 1.0), ("tanh", -1.0, 1.0), ("softplus", 0.0, None)],
)
def test_data_beyond_the_decoder_are_errors(activation, low, high):
    vae = small_vae(4, activation, likelihood="gaussian")
    vae.compile("adam")
    inside = digits(40)
    vae.fit(inside, verbose=0)
    outside = [inside + low - 0.5] if low == 0.0 else [inside - 2.5]
    outside += [] if high is None else [inside + high + 0.5]
    for x in outside:
        with pytest.raises(ValueError, match=r"range of the decoder's last.*linear"):
            vae.fit(x, verbose=0)
        with pytest.raises(ValueError, match="validation_data"):
            vae.fit(inside, validation_data=(x,), verbose=0)


def test_a_linear_end_reaches_all_data():
    vae = small_vae(4, likelihood="gaussian")
    vae.compile("adam")
    vae.fit(100 * digits(40) - 50, verbose=0)


# ---- heads


def features():
    inputs = keras.Input((8, 8, 1))
    return inputs, layers.Dense(16, "relu")(layers.Flatten()(inputs))


def check_compaction(vae):
    """Prune, compact and save: nothing is lost."""
    vae.latent_mask.deactivate([0, 2])
    small = compact(vae)
    assert small.latent_dim == vae.latent_dim - 2
    assert largest_difference(vae, small) < 1e-5
    x = digits(5)
    np.testing.assert_allclose(small.reconstruct(x), vae.reconstruct(x), atol=1e-5)
    return small


@pytest.mark.parametrize("wrapped", ["clip", "layers"])
def test_heads_behind_elementwise_layers(wrapped, tmp_path):
    inputs, h = features()
    log_var = layers.Dense(6)(h)
    if wrapped == "clip":
        log_var = ops.clip(log_var, -3.0, 2.0)
    else:
        log_var = layers.Rescaling(2.0)(layers.Activation("tanh")(log_var))
    encoder = keras.Model(inputs, [layers.Dense(6)(h), log_var])
    vae = MaskedVAE(encoder, small_decoder(6), 6)
    vae.compile("adam")
    vae.fit(digits(64), epochs=1, verbose=0)
    small = check_compaction(vae)
    small.save(tmp_path / "small.keras")
    again = keras.saving.load_model(tmp_path / "small.keras")
    np.testing.assert_array_equal(
        again.encode(digits(5))[1], small.encode(digits(5))[1]
    )


def test_heads_on_branches_of_their_own():
    inputs, h = features()
    mean = layers.Dense(6)(layers.Dense(8, "relu")(h))
    log_var = layers.Dense(6)(layers.Dense(8, "tanh")(h))
    check_compaction(
        MaskedVAE(keras.Model(inputs, [mean, log_var]), small_decoder(6), 6)
    )


def test_one_dense_layer_of_both_heads():
    inputs, h = features()
    both = layers.Dense(12)(h)
    encoder = keras.Model(inputs, both)
    vae = MaskedVAE(encoder, small_decoder(6), 6)
    expected = encoder.predict(digits(5), verbose=0)
    mean, log_var = vae.encode(digits(5))
    np.testing.assert_allclose(mean, expected[:, :6], rtol=1e-5)
    np.testing.assert_allclose(log_var, expected[:, 6:], rtol=1e-5)
    check_compaction(vae)


def test_heads_that_are_no_dense_layers_are_errors():
    inputs, h = features()
    encoder = keras.Model(inputs, [layers.Dense(6)(h), layers.LayerNormalization()(h)])
    with pytest.raises(ValueError, match="log variance must come from a Dense layer"):
        MaskedVAE(encoder, small_decoder(6), 6)


# ---- decoders


def reshaping_decoder():
    return [
        layers.Reshape((4, 2, 1)),
        layers.Conv2DTranspose(4, 3, strides=(2, 4), padding="same"),
        layers.Conv2D(1, 3, padding="same"),
    ]


def repeating_decoder():
    return [
        layers.RepeatVector(8),
        layers.LSTM(8, return_sequences=True),
        layers.Reshape((8, 8, 1)),
    ]


@pytest.mark.parametrize("parts", [reshaping_decoder, repeating_decoder])
def test_decoders_that_begin_with_any_layer(parts, tmp_path):
    decoder = keras.Sequential([keras.Input((8,)), *parts()])
    vae = MaskedVAE(small_encoder(), decoder, 8, likelihood="gaussian", seed=0)
    vae.compile("adam")
    z = RNG.normal(size=(5, 8)).astype("float32")
    np.testing.assert_array_equal(vae.decode(z), decoder.predict(z, verbose=0))
    vae.fit(digits(64), epochs=1, verbose=0)
    small = check_compaction(vae)
    twice = check_compaction(small)
    assert twice.latent_dim == 4
    twice.save(tmp_path / "small.keras")
    again = keras.saving.load_model(tmp_path / "small.keras")
    x = digits(5)
    np.testing.assert_allclose(again.reconstruct(x), twice.reconstruct(x), atol=1e-6)
    assert twice.decoder_model().input_shape == (None, 4)


def test_a_code_that_is_read_beside_something_else():
    z = keras.Input((6,))
    mixed = layers.Concatenate()([z, layers.Dense(3, "relu")(z)])
    decoder = keras.Model(z, layers.Reshape((8, 8, 1))(layers.Dense(64)(mixed)))
    check_compaction(MaskedVAE(small_encoder(), decoder, 6))


def test_lambda_layers_are_refused():
    def with_lambda(model):
        return keras.Sequential([model, layers.Lambda(lambda x: 2 * x)])

    encoder, decoder = small_encoder(), small_decoder(4)
    for name, parts in {
        "encoder": (with_lambda(encoder), decoder),
        "decoder": (encoder, with_lambda(decoder)),
    }.items():
        with pytest.raises(ValueError, match=f"`{name}` must hold no Lambda"):
            MaskedVAE(*parts, 4, likelihood="gaussian")


def test_a_decoder_that_gives_a_variance_too():
    x = RNG.normal(size=(300, 5)).astype("float32") * [0.1, 1.0, 1.0, 1.0, 3.0]
    decoder = small_decoder(4, 8, (10,))
    vae = MaskedVAE(
        small_encoder(8, (5,)), decoder, 4, likelihood="gaussian_learned_variance"
    )
    vae.compile(keras.optimizers.Adam(0.03))
    losses = vae.fit(x, epochs=30, verbose=0).history["loss"]
    # The entropy of independent normal values with these deviations.
    entropy = np.sum(np.log([0.1, 1.0, 1.0, 1.0, 3.0])) + 2.5 * np.log(2 * np.pi * np.e)
    assert losses[-1] < losses[0]
    assert losses[-1] == pytest.approx(entropy, abs=0.5)
    assert vae.reconstruct(x).shape == (300, 5)
    with pytest.raises(ValueError, match="gaussian_learned_variance"):
        MaskedVAE(small_encoder(8, (5,)), decoder, 4, likelihood="gaussian")


def test_hdf5_is_refused_for_whole_models(tmp_path):
    vae = small_vae(4)
    with pytest.raises(ValueError, match=r"must end in '\.keras'.*weights\.h5"):
        vae.save(tmp_path / "vae.h5")
    vae.latent_mask.deactivate([1])
    vae.save_weights(tmp_path / "vae.weights.h5")
    other = small_vae(4)
    other.load_weights(tmp_path / "vae.weights.h5")
    assert other.latent_mask.active_indices.tolist() == [0, 2, 3]


# ---- scores


def test_elbo_of_single_samples_is_the_loss():
    vae = small_vae(4, seed=0)
    vae.compile("adam")
    x = digits(60)
    vae.fit(x, epochs=2, verbose=0)
    vae.latent_mask.deactivate([2])
    mean = np.mean([vae.elbo(x, seed=seed) for seed in range(30)], axis=0)
    assert mean.shape == (60,)
    losses = [vae.evaluate(x, verbose=0, return_dict=True)["loss"] for _ in range(30)]
    assert mean.mean() == pytest.approx(-np.mean(losses), abs=0.05)
    np.testing.assert_allclose(vae.elbo(x, batch_size=60), vae.elbo(x), rtol=1e-5)


def test_more_samples_come_closer_to_the_likelihood():
    # Linear and Gaussian, so that the likelihood is known.
    keras.utils.set_random_seed(0)
    encoder = keras.Sequential([keras.Input((3,)), layers.Dense(4)])
    decoder = keras.Sequential([keras.Input((2,)), layers.Dense(3)])
    vae = MaskedVAE(encoder, decoder, 2, likelihood="gaussian")
    x = np.random.default_rng(0).normal(size=(50, 3)).astype("float32")
    vae.compile(keras.optimizers.Adam(0.03))
    vae.fit(x, epochs=60, verbose=0)
    w, b = (np.asarray(v) for v in decoder.get_weights())
    covariance = w.T @ w + np.eye(3)
    centred = x - b
    exact = -0.5 * (
        np.einsum("ni,ij,nj->n", centred, np.linalg.inv(covariance), centred)
        + np.linalg.slogdet(covariance)[1]
        + 3 * np.log(2 * np.pi)
    )
    repeated = np.repeat(x, 200, axis=0)
    bounds = [vae.elbo(repeated, samples=k).mean() for k in (1, 10, 100)]
    assert bounds[0] < bounds[1] < bounds[2] < exact.mean() + 0.002
    np.testing.assert_allclose(vae.elbo(x, samples=200), exact, atol=0.1)


def test_anomalies_have_a_low_elbo():
    vae = small_vae(6, seed=0)
    vae.compile(keras.optimizers.Adam(0.01))
    x = digits(500)
    vae.fit(x, epochs=10, verbose=0)
    noise = RNG.uniform(size=(50, 8, 8, 1)).astype("float32")
    assert vae.elbo(noise).max() < np.quantile(vae.elbo(x), 0.05)


def test_a_score_depends_on_no_batch():
    vae = table_vae(likelihood="gaussian_optimal_sigma")
    vae.z_log_var.bias.assign([-20.0] * 4)  # what noise a sample gets does not count
    x = TABLE.to_numpy("float32")
    scores = vae.elbo(x)
    np.testing.assert_allclose(vae.elbo(x, batch_size=1), scores, rtol=1e-4)
    squared = np.square(x - np.asarray(vae.reconstruct(x)))
    fitted = vae.likelihood.fitted_to(x, ops.convert_to_tensor(vae.reconstruct(x)))
    expected = 0.5 * squared / squared.mean() + 0.5 * np.log(2 * np.pi * squared.mean())
    np.testing.assert_allclose(
        fitted.nll(x[:3], vae.reconstruct(x[:3])), expected[:3].sum(axis=1), rtol=1e-4
    )


@pytest.mark.parametrize("change", [{"samples": 0}, {"batch_size": 0}, {"seed": -1}])
def test_bad_arguments_of_a_score(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        small_vae(4).elbo(digits(5), **change)
    with pytest.raises(ValueError, match="shape"):
        small_vae(4).elbo(digits(5)[:, :4])


# ---- counts of single cells


def test_a_negative_binomial_learns_the_dispersion(tmp_path):
    # Gamma-Poisson counts of dispersion 2 that depend on nothing.
    counts = RNG.poisson(RNG.gamma(2.0, 1.5, size=(2000, 6))).astype("float32")
    vae = table_vae(6, likelihood="negative_binomial")
    vae.compile(keras.optimizers.Adam(0.03))
    vae.fit(counts, epochs=25, verbose=0)
    found = np.exp(ops.convert_to_numpy(vae.likelihood.log_dispersion))
    assert np.median(found) == pytest.approx(2.0, rel=0.15)
    poisson = table_vae(6, likelihood="poisson")
    poisson.compile(keras.optimizers.Adam(0.03))
    poisson.fit(counts, epochs=25, verbose=0)
    assert vae.elbo(counts).mean() > poisson.elbo(counts).mean() + 0.5
    # A weight of its own: kept by files, and by compact models, which train it apart.
    vae.latent_mask.deactivate([0])
    small = compact(vae)
    np.testing.assert_array_equal(
        small.likelihood.log_dispersion, vae.likelihood.log_dispersion
    )
    small.fit(counts, epochs=1, verbose=0)
    after = ops.convert_to_numpy(small.likelihood.log_dispersion)
    assert not np.array_equal(np.exp(after), found)
    vae.save(tmp_path / "vae.keras")
    again = keras.saving.load_model(tmp_path / "vae.keras")
    np.testing.assert_array_equal(again.elbo(counts[:50]), vae.elbo(counts[:50]))


def test_two_models_of_one_likelihood_learn_apart():
    one, two = (table_vae(6, likelihood=NegativeBinomial()) for _ in range(2))
    assert one.likelihood.log_dispersion is not two.likelihood.log_dispersion
    assert len(one.likelihood_weights) == 1
    assert one.likelihood_weights[0] is one.likelihood.log_dispersion


# ---- missing values


def holed(x, share=0.2, seed=0):
    holes = np.random.default_rng(seed).random(x.shape) < share
    return np.where(holes, np.nan, x).astype("float32"), holes


@pytest.mark.parametrize("likelihood", ["gaussian", "laplace", "bernoulli", "poisson"])
def test_missing_values_have_no_part_in_the_likelihood(likelihood):
    x = RNG.poisson(0.5, size=(60, 5)).clip(0, 1).astype("float32")
    x, holes = holed(x)
    vae = table_vae(likelihood=likelihood, missing="nan")
    plain = table_vae(likelihood=likelihood)
    plain.set_weights(vae.get_weights())
    z = RNG.normal(size=(60, 4)).astype("float32")
    # One known value at a time, of which the others are the model's own mean.
    known = ops.convert_to_numpy(
        plain.likelihood.nll_values(
            ops.convert_to_tensor(np.where(holes, 0.0, x)), plain.decoder(z)
        )
    )
    expected = np.where(holes, 0.0, known).sum(axis=1)
    np.testing.assert_allclose(vae.nll(x, z), expected, rtol=1e-5)
    # The encoder reads 0 there.
    filled = np.where(holes, 0.0, x)
    np.testing.assert_array_equal(vae.encode(x)[0], plain.encode(filled)[0])
    whole = np.where(holes, 1.0, x)
    np.testing.assert_allclose(vae.elbo(whole), plain.elbo(whole), rtol=1e-6)


def test_a_table_with_missing_values_from_fit_to_file(tmp_path):
    factors = RNG.normal(size=(600, 2)) @ RNG.normal(size=(2, 8)) * 2
    whole = (factors + 0.5 * RNG.normal(size=(600, 8))).astype("float32")
    x, holes = holed(whole)
    vae = table_vae(8, 6, missing="nan")
    vae.compile(keras.optimizers.Adam(0.01))
    callback = ALDCallback()
    history = vae.fit(
        pd.DataFrame(x),
        validation_split=0.2,
        epochs=30,
        callbacks=[callback],
        verbose=0,
    ).history
    assert np.isfinite(history["val_loss"]).all()
    assert "val_frechet_generation" not in history
    assert np.isfinite(callback.curve.metrics["loss"]).all()
    small = compact(vae)
    small.save(tmp_path / "vae.keras")
    again = keras.saving.load_model(tmp_path / "vae.keras")
    guess = ops.convert_to_numpy(again.reconstruct(x))
    # Better than the mean of each column.
    error = np.mean((guess - whole)[holes] ** 2)
    assert error < 0.6 * np.mean((whole - np.nanmean(x, axis=0))[holes] ** 2)


def test_a_plain_encoder_reads_missing_values_as_the_model_does(tmp_path):
    x, _ = holed(TABLE.to_numpy("float32"))
    vae = table_vae(missing="nan")
    vae.latent_mask.deactivate([1])
    vae.encoder_model().save(tmp_path / "encoder.keras")
    plain = keras.saving.load_model(tmp_path / "encoder.keras")
    for found, expected in zip(plain(x), vae.encode(x), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_table_without_a_known_value_is_an_error():
    x, _ = holed(TABLE.to_numpy())
    scaled = (x - x.mean(axis=0)) / x.std(axis=0)
    with pytest.raises(ValueError, match="`x` must hold known values.*nanmean"):
        table_vae(missing="nan").fit(scaled, verbose=0)


def test_missing_values_are_errors_unless_said():
    x, _ = holed(TABLE.to_numpy())
    with pytest.raises(ValueError, match="Received: nan"):
        table_vae().fit(x, verbose=0)
    with pytest.raises(ValueError, match=r"`missing` must be one of \['nan'\]"):
        table_vae(missing="none")
    with pytest.raises(ValueError, match="GaussianOptimalSigma"):
        table_vae(likelihood="gaussian_optimal_sigma", missing="nan")

    class Own:
        def nll(self, x, output):
            return ops.sum(ops.square(x - output), axis=-1)

        def mean(self, output):
            return output

    with pytest.raises(TypeError, match="`nll_values"):
        table_vae(likelihood=Own(), missing="nan")
    with pytest.raises(ValueError, match="or NaN"):
        table_vae(missing="nan").fit(np.full((4, 5), np.inf, "float32"), verbose=0)


@pytest.mark.parametrize("cls", [MaskedVAE, GatedVAE])
def test_keras_exports_the_reconstruction(cls, tmp_path, tf):
    options = {"tau": 5.0} if cls is GatedVAE else {}
    vae = cls(small_encoder(), small_decoder(4), 4, **options)
    vae.latent_mask.deactivate([1])
    vae.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(tmp_path / "served")
    for n in (5, 3):
        x = digits(n)
        np.testing.assert_allclose(served.serve(x), vae.reconstruct(x), atol=1e-6)


# ---- weights of values


def test_weights_of_values_are_missing_values_of_weight_0():
    x, holes = holed(TABLE.to_numpy())
    filled = np.where(holes, 0.0, x).astype("float32")
    weight = 1.0 - holes.astype("float32")
    missing = table_vae(missing="nan")
    weighted = table_vae()
    found = [
        missing.fit(x, epochs=2, shuffle=False, verbose=0).history,
        weighted.fit(
            filled, sample_weight=weight, epochs=2, shuffle=False, verbose=0
        ).history,
    ]
    assert found[0].keys() == found[1].keys()
    for name, values in found[0].items():
        np.testing.assert_allclose(found[1][name], values, rtol=1e-5)
    losses = [
        missing.evaluate(x, verbose=0),
        weighted.evaluate(filled, sample_weight=weight, verbose=0),
    ]
    np.testing.assert_allclose(*losses, rtol=1e-5)


def test_weights_of_values_need_the_nll_of_values():
    class Own:
        def nll(self, x, output):
            return ops.sum(ops.square(x - output), axis=-1)

        def mean(self, output):
            return output

    vae = table_vae(likelihood=Own())
    with pytest.raises(TypeError, match="`nll_values"):
        vae.fit(TABLE, sample_weight=np.ones(TABLE.shape), verbose=0)
    # One weight a sample needs nothing.
    vae.fit(TABLE, sample_weight=np.ones(len(TABLE)), verbose=0)
