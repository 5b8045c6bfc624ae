"""The words that names of layers are made of, and what each says about where classes come out."""

from __future__ import annotations

# Here the classes come out.
HEAD = frozenset(
    "head heads classifier classifiers classif classification logit logits score scores pred "
    "prediction predictions predictor cls generator vocab unembed unembedding lm fc arc arcface "
    "cosface margin prototype prototypes proxies centers centres ctc seg objective criterion "
    "loss".split()
)
# Of these, words that only say "last layer": the heads of self-supervision bear them too.
GENERIC = frozenset("head heads fc pred predictor".split())
# Losses own their weights, and those that follow a formula store them as (dim, classes).
LOSS = frozenset("objective criterion loss margin arc arcface cosface proxies".split())
# Usual for a last layer, and for others too.
LAST = frozenset(
    "fc linear lin dense out output outputs final last top l decoder summary project proj classes "
    "class labels layer w weight weights kernel".split()
)
FINAL = frozenset("final last out output".split())
# Layers named after what they are: their container says what they are for.
NEUTRAL = frozenset("linear lin fc l layer layers conv convolution".split())
CONVOLUTION = frozenset("conv convs convolution".split())
# The workings of a body, wherever they stand.
BODY = CONVOLUTION | frozenset(
    "attn attention attentions qkv q k v kv query key value mlp ffn stem "
    "patch patches norm bn ln downsample upsample down up gate router relative rel expert experts "
    "se lora mixer pool pooler pooling connector adapter merger aligner stage block blocks pre pos "
    "position positional bias idxs mean means std cov centroids mask gru lstm rnn ih hh "
    "modal multimodal rpn".split()
)
# Quantities that are measured, not classes that are told apart.
REGRESSION = frozenset(
    "bbox box boxes reg regression delta deltas anchor anchors offset offsets centerness "
    "objectness iou points depth".split()
)
# Where something comes from: harmless in front of a classifier.
SOURCE = frozenset(
    "in input encoder transform feature features text visual vision image audio video bbox "
    "modality tower projector projection".split()
)
PROJECTION = frozenset("projection projector proj".split())
# What the last layer is called where an input is put together again.
REBUILT = frozenset(
    "decoder pred recon reconstruction rec generator fc linear out output final last layer".split()
)
EMBEDDING = frozenset(
    "embed embeds embedding embeddings embedder wte wpe emb token tokens tok latents codebook "
    "table lookup shared".split()
)
CLASS = frozenset("class classes cls label labels".split())
SIDE = frozenset("dist distill distillation distilled distiller aux auxiliary".split())
# What a network put out for some samples, where an array of its own bears no other name.
OUTPUTS = frozenset(
    "logit logits prob probs probability probabilities softmax pred preds prediction predictions "
    "predicted".split()
)
