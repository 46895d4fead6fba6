import pytest

from ald_keras import ALDRule
from ald_keras.experiments.compare.ald_trial import PrunedVAE, main, search


@pytest.mark.slow
def test_the_latent_size_comes_out_as_a_metric(monkeypatch):
    fitted = []
    original = PrunedVAE.fit

    def fit(self, hp, model, *args, **kwargs):
        result = original(self, hp, model, *args, **kwargs)
        fitted.append((model.optimizer.learning_rate, result))
        return result

    monkeypatch.setattr(PrunedVAE, "fit", fit)
    rule = ALDRule(patience=2, slope_window=4, slowdown_window=4)
    found = search(trials=2, epochs=5, rule=rule, seed=3)
    assert len(found) == 2
    assert found[0]["val_loss"] <= found[1]["val_loss"]
    for trial in found:
        assert trial["width"] in (64, 128, 256)
        rate, result = next(
            (float(rate), result)
            for rate, result in fitted
            if result["val_loss"] == trial["val_loss"]
        )
        assert rate == pytest.approx(trial["learning_rate"])
        assert trial["active_dims"] == result["active_dims"]
        # Five dimensions after two epochs, and one or five more after four.
        assert trial["active_dims"] in (26, 22)


def test_wrong_arguments_end_in_one_line(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--trials", "many"])
    assert end.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
