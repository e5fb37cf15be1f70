"""Models of the zoo that read sound and other series."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.zoo.registry import Made, add, library, model


@model("torchaudio")
def torchaudio_conformer() -> Made:
    made = library("torchaudio.models").Conformer(32, 4, 48, 2, 7)
    return made, (torch.randn(1, 20, 32), torch.tensor([20]))


@model("torchaudio")
def torchaudio_convtasnet() -> Made:
    made = library("torchaudio.models").ConvTasNet
    options = {"num_sources": 2, "enc_kernel_size": 8, "enc_num_feats": 16, "msk_num_feats": 16}
    return made(**options, msk_num_hidden_feats=16, msk_num_layers=2, msk_num_stacks=2), (torch.randn(1, 1, 256),)


@model("torchaudio")
def torchaudio_wav2letter() -> Made:
    return library("torchaudio.models").Wav2Letter(10, "mfcc", 13), (torch.randn(1, 13, 40),)


@model("torchaudio")
def torchaudio_mel() -> Made:
    made = library("torchaudio.transforms").MelSpectrogram
    return made(8000, n_fft=64, hop_length=32, n_mels=8), (torch.randn(1, 400),)


@model("torchaudio")
def torchaudio_hdemucs() -> Made:
    made = library("torchaudio.models").HDemucs
    return made(["a", "b"], audio_channels=1, channels=8, depth=3, nfft=256), (torch.randn(1, 1, 1024),)


@model("encodec")
def encodec_encoder() -> Made:
    return library("encodec.modules").SEANetEncoder(dimension=16, n_filters=4, ratios=[4, 2]), (torch.randn(1, 1, 256),)


@model("encodec")
def encodec_decoder() -> Made:
    return library("encodec.modules").SEANetDecoder(dimension=16, n_filters=4, ratios=[4, 2]), (torch.randn(1, 16, 8),)


@model("conformer")
def conformer_stack() -> Made:
    made = library("conformer").Conformer
    return made(32, depth=2, dim_head=8, heads=4, conv_kernel_size=7), (torch.randn(1, 16, 32),)


@model("speechbrain")
def speechbrain_ecapa() -> Made:
    made = library("speechbrain.lobes.models.ECAPA_TDNN").ECAPA_TDNN
    options: dict[str, Any] = {"channels": [16, 16, 16, 48], "kernel_sizes": [5, 3, 3, 1], "dilations": [1, 2, 3, 1]}
    return made(8, lin_neurons=16, attention_channels=8, se_channels=8, res2net_scale=4, **options), (
        torch.randn(1, 30, 8),
    )


@model("speechbrain")
def speechbrain_crdnn() -> Made:
    made = library("speechbrain.lobes.models.CRDNN").CRDNN
    return made(input_shape=[None, None, 8], cnn_channels=(4, 4), rnn_neurons=8, dnn_neurons=8, rnn_layers=1), (
        torch.randn(1, 20, 8),
    )


@model("demucs")
def demucs_waveform() -> Made:
    made = library("demucs.demucs").Demucs
    return made(["a", "b"], audio_channels=1, channels=8, depth=3, lstm_layers=1, resample=False), (
        torch.randn(1, 1, 2048),
    )


@model("asteroid-filterbanks")
def asteroid_filterbanks_encoder() -> Made:
    bank = library("asteroid_filterbanks")
    return bank.Encoder(bank.FreeFB(16, 8, stride=4)), (torch.randn(1, 1, 128),)


@model("pytorch-tcn")
def pytorch_tcn_causal() -> Made:
    return library("pytorch_tcn").TCN(4, [8, 8, 8], kernel_size=3), (torch.randn(1, 4, 32),)


@model("tsai")
def tsai_inception_time() -> Made:
    return library("tsai.models.InceptionTime").InceptionTime(3, 4, nf=8), (torch.randn(2, 3, 32),)


@model("tsai")
def tsai_tst() -> Made:
    made = library("tsai.models.TST").TST
    return made(3, 4, 32, d_model=16, n_heads=4, d_ff=32, n_layers=2), (torch.randn(2, 3, 32),)


@model("tsai")
def tsai_xcm() -> Made:
    return library("tsai.models.XCM").XCM(3, 4, seq_len=32, nf=8), (torch.randn(2, 3, 32),)


@model("tsai")
def tsai_lstm_fcn() -> Made:
    return library("tsai.models.RNN_FCN").LSTM_FCN(3, 4, seq_len=32, hidden_size=8, conv_layers=[8, 16, 8]), (
        torch.randn(2, 3, 32),
    )


class Recurrent(nn.Module):
    """A layer of torch between two others."""

    def __init__(self, layer: nn.Module, width: int) -> None:
        super().__init__()
        self.before, self.layer, self.after = nn.Linear(6, 8), layer, nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Any:
        return self.after(self.layer(self.before(x))[0])


LAYERS: dict[str, tuple[Callable[[], nn.Module], int]] = {  # and the width of what it gives
    "lstm": (lambda: nn.LSTM(8, 5, 2, batch_first=True, bidirectional=True), 10),
    "lstm_projected": (lambda: nn.LSTM(8, 8, proj_size=4, batch_first=True), 4),
    "gru": (lambda: nn.GRU(8, 5, 2), 5),
    "rnn": (lambda: nn.RNN(8, 5, nonlinearity="relu"), 5),
}


def _recurrent(make: Callable[[], nn.Module], width: int) -> Made:
    return Recurrent(make(), width), (torch.randn(4, 7, 6),)


for _name, (_layer, _width) in LAYERS.items():
    add("torch", f"torch_{_name}", partial(_recurrent, _layer, _width))


def _quantized(layer: nn.Module, width: int) -> Any:
    kinds = {nn.Linear, nn.LSTM, nn.GRU, nn.LSTMCell, nn.GRUCell, nn.RNNCell}
    return library("torch.ao.quantization").quantize_dynamic(Recurrent(layer, width).eval(), kinds)


@model("torch")
def torch_quantized_lstm() -> Made:
    return _quantized(nn.LSTM(8, 5), 5), (torch.randn(4, 7, 6),)


class Cells(nn.Module):
    """Cells in a loop."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.gru = nn.LSTMCell(6, 8), nn.GRUCell(8, 4)

    def forward(self, x: Tensor) -> Any:
        state: Any = None
        other: Any = None
        for step in x:
            state = self.lstm(step, state)
            other = self.gru(state[0], other)
        return other


@model("torch")
def torch_cells() -> Made:
    return Cells(), (torch.randn(3, 2, 6),)


@model("torch")
def torch_quantized_cells() -> Made:
    kinds = {nn.LSTMCell, nn.GRUCell}
    return library("torch.ao.quantization").quantize_dynamic(Cells().eval(), kinds), (torch.randn(3, 2, 6),)


@model("torch")
def torch_transformer() -> Made:
    made = nn.Transformer(16, 2, 2, 2, 32, batch_first=True)
    return made, (torch.randn(1, 6, 16), torch.randn(1, 5, 16))


@model("torch")
def torch_compiled_part() -> Made:
    parts = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    compiled: Any = torch.compile(parts, backend="eager")
    return nn.Sequential(compiled, nn.Conv2d(4, 2, 1)), (torch.rand(1, 3, 8, 8),)


@model("torch")
def torch_fake_quantized() -> Made:
    quantization = library("torch.ao.quantization")
    made = nn.Sequential(quantization.QuantStub(), nn.Conv2d(3, 4, 3), nn.ReLU(), quantization.DeQuantStub())
    made.qconfig = quantization.get_default_qat_qconfig("fbgemm")
    ready = quantization.prepare_qat(made.train())
    ready(torch.rand(1, 3, 8, 8))
    return ready, (torch.rand(1, 3, 8, 8),)


@model("torch")
def torch_scripted_part() -> Made:
    return nn.Sequential(torch.jit.script(nn.Sequential(nn.Linear(6, 8), nn.ReLU())), nn.Linear(8, 2)), (
        torch.randn(2, 6),
    )
