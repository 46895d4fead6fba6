"""Reads the layer graph of an encoder or decoder, and rebuilds it at another size."""

from __future__ import annotations

import keras

from ald_keras._typing import Tensor
from ald_keras.models.keras_internals import nodes


def is_graph_model(model: object) -> bool:
    """Whether `model` is a Sequential or Functional model, computed as its graph says.

    A subclass that has its own `call` may do anything else.
    """
    known = isinstance(model, keras.Model) and has_keras_call(model)
    return known and (
        isinstance(model, keras.Sequential) or hasattr(model, "operations")
    )


def has_keras_call(layer: keras.Layer) -> bool:
    """Whether a layer's `call` is one of Keras's own."""
    return type(layer).call.__module__.split(".")[0] == "keras"


# Puts the dimensions of a code where the first layer of a decoder expects them.
_PLACES = "latent_places"

# Layers that change each value on its own.
_ELEMENTWISE = (
    keras.layers.Activation,
    keras.layers.ELU,
    keras.layers.Identity,
    keras.layers.LeakyReLU,
    keras.layers.ReLU,
    keras.layers.Rescaling,
)
_ELEMENTWISE_OPERATIONS = ("Clip", "Maximum", "Minimum", "Multiply", "Add", "Tanh")


def is_elementwise(operation: keras.Operation) -> bool:
    """Whether a layer or operation changes each value on its own."""
    named = type(operation).__name__ in _ELEMENTWISE_OPERATIONS
    return isinstance(operation, _ELEMENTWISE) or (
        named and not isinstance(operation, keras.layers.Layer)
    )


def check_no_lambda(name: str, model: keras.Model) -> None:
    """Raise a `ValueError` if a model holds a Lambda layer."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.Lambda):
            raise ValueError(
                f"`{name}` must hold no Lambda layer, as its function cannot be saved "
                f"safely. Received: '{layer.name}'. Replace it by a layer of Keras, "
                "such as Rescaling or Activation, or by a layer of your own that is "
                "registered with `keras.saving.register_keras_serializable`."
            )
        if isinstance(layer, keras.Model):
            check_no_lambda(name, layer)


def check_unshared(name: str, model: keras.Model) -> None:
    """Raise a `ValueError` if a layer stands in two of the models nested in `model`."""
    seen: dict[int, keras.Model] = {}

    def visit(container: keras.Model) -> None:
        for layer in container.layers:
            if seen.setdefault(id(layer), container) is not container:
                raise ValueError(
                    f"`{name}`: a layer must not stand in two nested models, as an "
                    f"export could not keep it shared. Received: '{layer.name}' in "
                    f"'{seen[id(layer)].name}' and '{container.name}'."
                )
            if is_graph_model(layer):
                visit(layer)

    visit(model)


def check_plain(layer: keras.layers.Dense) -> None:
    """Raise a `ValueError` if a Dense layer computes with more than its kernel."""
    if layer.lora_enabled or layer.quantization_mode:
        raise ValueError(
            f"The Dense layer '{layer.name}' must be plain to be masked and sliced: "
            "merge LoRA weights, and quantise after the export. Received: "
            f"lora_enabled={layer.lora_enabled}, "
            f"quantization_mode={layer.quantization_mode}"
        )


def _readers(model: keras.Model, tensor: Tensor) -> list[keras.Operation]:
    """Operations of a Functional model that read `tensor`."""
    return [
        operation
        for operation in model.operations
        if any(
            read is tensor for node in nodes(operation) for read in node.input_tensors
        )
    ]


def latent_input_layers(decoder: keras.Model) -> list[keras.layers.Dense]:
    """Dense layers of `decoder` that read its input.

    Args:
        decoder: Sequential or Functional model with one input. Models nested in
            it are looked into.

    Returns:
        The layers, or none where one that reads the input is no Dense layer or also
        reads something else.

    Raises:
        ValueError: If one of them is not plain, as `check_plain` says.
    """
    readers = _latent_readers(decoder)
    if not all(isinstance(layer, keras.layers.Dense) for layer in readers):
        return []
    for layer in readers:
        check_plain(layer)
    return readers


def _latent_readers(decoder: keras.Model) -> list[keras.Operation | None]:
    """Operations that read the input; `None` for those that read more than it."""
    if isinstance(decoder, keras.Sequential):
        first = decoder.layers[0]
        return _latent_readers(first) if is_graph_model(first) else [first]
    readers: list[keras.Operation | None] = []
    for operation in _readers(decoder, decoder.inputs[0]):
        if not _reads_latent_only(operation, decoder):
            readers.append(None)
        elif is_graph_model(operation):
            readers += _latent_readers(operation)
        else:
            readers.append(operation)
    return readers


def with_latent_layers(
    decoder: keras.Model,
) -> tuple[keras.Model, list[keras.layers.Dense]]:
    """A decoder that can be masked and sliced, and the layers to slice.

    It is the decoder itself, or stands behind a layer to slice where it has none.
    """
    layers = latent_input_layers(decoder)
    if layers:
        return decoder, layers
    decoder = with_places(decoder)
    return decoder, latent_input_layers(decoder)


def is_places(layer: keras.Layer) -> bool:
    """Whether a layer is the one that `with_places` adds."""
    return layer.name == _PLACES


def with_places(decoder: keras.Model) -> keras.Model:
    """A decoder behind a Dense layer that puts each dimension in its place.

    The layer's kernel is the identity and is not trained. Where no Dense layer reads
    the code, this one is masked and sliced in its place.
    """
    latent, *conditions = _new_inputs(decoder)
    latent_dim = latent.shape[1]
    places = keras.layers.Dense(
        latent_dim,
        use_bias=False,
        kernel_initializer="identity",
        trainable=False,
        name=_PLACES,
    )
    if not conditions:
        return keras.Model(latent, decoder(places(latent)), name=decoder.name)
    output = decoder([places(latent), *conditions])
    return keras.Model([latent, *conditions], output, name=decoder.name)


def _new_inputs(decoder: keras.Model, latent_dim: int | None = None) -> list[Tensor]:
    """Inputs as a decoder's; the first, the code, perhaps of another size."""
    several = len(decoder.inputs) > 1
    sizes = [tuple(tensor.shape[1:]) for tensor in decoder.inputs]
    sizes[0] = sizes[0] if latent_dim is None else (latent_dim,)
    return [
        keras.Input(size, dtype=tensor.dtype, name=tensor.name if several else None)
        for size, tensor in zip(sizes, decoder.inputs, strict=True)
    ]


def _reads_latent_only(operation: keras.Operation, decoder: keras.Model) -> bool:
    known = {id(tensor) for op in decoder.operations for tensor in _outputs(op)}
    latent = decoder.inputs[0]
    for node in nodes(operation):
        own = id(node.output_tensors[0]) in known
        if own and any(read is not latent for read in node.input_tensors):
            return False
    return True


def _outputs(operation: keras.Operation) -> list[Tensor]:
    return [t for node in nodes(operation) for t in node.output_tensors]


def copy_layer(layer: keras.Layer) -> keras.Layer:
    """A new layer (or operation) of the same configuration, weights not copied."""
    return type(layer).from_config(layer.get_config())


def with_latent_dim(decoder: keras.Model, latent_dim: int) -> keras.Model:
    """A new decoder of the same layers that reads `latent_dim` dimensions.

    Args:
        decoder: Model that `latent_input_layers` accepts.
        latent_dim: Integer >= 1.

    Returns:
        A model with fresh weights, in the order of the old one's.
    """
    inputs = _new_inputs(decoder, latent_dim)
    if isinstance(decoder, keras.Sequential):
        first, *others = decoder.layers
        first = _resized_or_copied(first, latent_dim, reads_latent=True)
        layers = [*inputs, first, *(copy_layer(layer) for layer in others)]
        return keras.Sequential(layers, name=decoder.name, trainable=decoder.trainable)
    reading = {id(op) for op in _readers(decoder, decoder.inputs[0])}
    return keras.models.clone_model(
        decoder,
        input_tensors=keras.tree.pack_sequence_as(decoder.input, inputs),
        clone_function=lambda layer: _resized_or_copied(
            layer, latent_dim, reads_latent=id(layer) in reading
        ),
    )


def _resized_or_copied(
    layer: keras.Layer, latent_dim: int, reads_latent: bool
) -> keras.Layer:
    if reads_latent and is_graph_model(layer):
        return with_latent_dim(layer, latent_dim)
    return copy_layer(layer)
