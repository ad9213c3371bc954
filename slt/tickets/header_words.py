"""What headers of version 2 files often say: the preset dictionary of their compression. Never change it: files of
version 2 need it as it is."""

from __future__ import annotations

WORDS = (
    b"SignedSupermask(fraction=0.4, decay=0.0002, rate=0.05, gain=6.0, BernoulliSupermask(ConcreteTicketSearch("
    b"FrozenSource(GemMiner(every=1, penalty=0.0001, Multicoated(WeightRecycling(IteRand(rate=0.1, every=300, "
    b"RandomMask(budget=Global(EqualPerLayer(ErdosRenyi(scale=NoScale(MeanMagnitude(InverseDensity(optimiser=Adam("
    b"DecoupledSGD(weights=RandomTensors(law=Uniform(lattice=23), law=Normal(lattice=20), spread=FanAverage(gain=1.0)"
    b"Biprop(EdgePopup(density=0.5, density=0.1, budget=LayerWise(overrides=()), weights=RandomTensors(law="
    b"SignedConstant(value=1.0), spread=FanIn(gain=2.0), multipliers=()), scale=InverseRootDensity(), optimiser=SGD("
    b"rate=0.1, momentum=0.9, decay=0.0001, decay=0.0, nesterov=False))"
    b'"outputs":,"inputs":,"relu":true,"scale":0,"bias":null,"weight":null,"blocks":[{"flatten":false,"width":'
    b'"hyperbolic/normal"uniform"module-tree"two-layer"attention"transformer"rotary"units":[["places":[["attentions":['
    b'"low":0.0,"high":1.0,"radius":1.0}"kind":"box""kind":"ball""int64"bfloat16"copies","flips","redraws","'
    b'num_batches_tracked",[],"int64"],["running_mean","running_var","in_proj_weight"out_proj.weight"norm.weight",'
    b'"embedding.weight"layers.blocks.self_attn.fc1.fc2.linear1.linear2.downsample.0.conv2.weight",[conv1.weight",['
    b'"classifier.features.head.bias"layer1.0.layer2.1.layer3.layer4.bn1.bn2.'
    b'"carried":[["constants":[["0.bias",[64],"float32",0.0],["1.bias",[300],"float32",0.0],["3.bias",[100],"float32",'
    b'0.0],["5.bias",[10],"float32",0.0]],"digest":"0123456789abcdef","domain":{"kind":"none"},"masks":[[,7,"patches":['
    b'["source":{"constants":[],"kind":"search","law":"signed-constant/8388608","method":"","outline":"","path":[],'
    b'"seed":0,"tensors":[["1.weight",[300,784],0.050507627,3.1622777],["3.weight",[100,300],0.08164966,false,true,1],'
    b'["5.weight",[10,100],0.14142136],["weight",[64,3,3,3],0.27216554],[256,256],[128,64,3,3]]],"ties":[]},'
    b'"source_digest":"","version":2}'
)
