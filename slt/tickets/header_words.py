"""What headers of version 2 files often say: the preset dictionary of their compression. Never change it: files of
version 2 need it as it is."""

from __future__ import annotations

WORDS = (
    b"DecoupledSGD(rate=0.05, momentum=0.9, decay=0.0002, nesterov=True), rate=Exponential(base=0.9, "
    b"share=0.1), Adam(rate=0.1, decay=0.0, betas=(0.9, 0.999)), rate=Drop(at=0.88, to=0.1), "
    b"rate=ConstantRate(), constraint=GradBalance(density=0.1, overshoot=1.1, keep=0.99, gain=100.0), "
    b"SquaredScores(weight=0.0001), ReverseKL(selector=Concrete(temperature=0.6666666666666666), "
    b"Bernoulli(sampled=False), Threshold(value=0.5), DeadZone(fraction=0.4), "
    b"NestedTopK(densities=(0.3, 0.0788, 0.0315)), budget=ErdosRenyi(), EqualPerLayer(), "
    b"budget=Global()), starts=ConstantScores(value=0.0), UnitInterval(), spread=FanOut(gain=2.0), "
    b"FanAverage(gain=1.0), gain=6.0), Same(map=Sigmoid(), Clamped(), events=(Clamp(low=0.0, "
    b"high=1.0), FreezeLowest(density=0.1, every=1, until=0.8)), events=(Recycle(rate=0.1, "
    b"every=3),), Redraw(rate=0.1, every=300),), estimator=Pathwise(), granularity=Rows(), "
    b"Blocks(frozen=RandomlyFrozen(removed=0.25, locked=0.25), Geometric(Cubic(Linear(start=1.0, "
    b"norms=Recalibrated(), TrainedAffine(), Standardise(MagnitudeAtStart(map=Identity(), "
    b"scale=NoScale(), scale=InverseDensity(), active=Signs(), scale=MeanMagnitude(), "
    b"law=Normal(lattice=20), 'random-mask', 'gem-miner', 'weight-recycling', 'iterand', 'biprop', "
    b"'multicoated', 'signed-supermask', 'bernoulli', 'concrete', 'frozen-source', "
    b"Method(name='edge-popup', selector=TopK(density=Constant(final=0.5), "
    b"budget=LayerWise(overrides=())), weights=RandomTensors(law=SignedConstant(value=1.0), "
    b"spread=FanIn(gain=2.0), multipliers=()), frozen=Searchable(), "
    b"starts=RandomScores(values=RandomTensors(law=Uniform(lattice=23), "
    b"spread=FanIn(gain=0.3333333333333333), multipliers=())), map=Absolute(), granularity=Weights(), "
    b"estimator=StraightThrough(fused=True), active=Drawn(), scale=InverseRootDensity(), events=(), "
    b"objective=TaskLoss(), constraint=Unconstrained(), optimiser=SGD(rate=0.1, momentum=0.9, "
    b"decay=0.0001, nesterov=False), rate=CosineEpochs(), "
    b'norms=Running())"attention"transformer"rotary"two-layer"outputs":,"inputs":,"relu":true,'
    b'"scale":0,"bias":null,"weight":null,"blocks":[{"flatten":false,'
    b'"width":"hyperbolic/"kind":"module-tree","units":[["places":[["attentions":["kind":"ball",'
    b'"radius":1.0}{"high":1.0,"kind":"box","low":0.0}"bfloat16"int64"copies","redraws","flips",'
    b'""running_mean","running_var",[64],"float32"],["num_batches_tracked",[],"int64"],'
    b'["in_proj_weight"out_proj.weight"norm.weight",'
    b'"embedding.weight"layers.blocks.self_attn.fc1.fc2.linear1.linear2.downsample.0.conv2.weight",'
    b'"conv1.classifier.features.head.layer1.0.layer2.1.layer3.layer4.bn1.bn2."normal","uniform",true,'
    b'false,3],[""carried":[["constants":[["0.bias",[64],"float32",0.0],["1.bias",[300],"float32",'
    b'0.0],["3.bias",[100],"float32",0.0],["5.bias",[10],"float32",0.0]],"digest":"0123456789abcdef",'
    b'"domain":{"kind":"none"},"masks":[[,7,],"patches":[["flips","1.weight",,0,0],'
    b'["source":{"constants":[],"kind":"search","law":"signed-constant/8388608",'
    b'"method":"Method(name=\'","outline":"","path":[],"seed":0,"tensors":[["1.weight",[300,784],'
    b'0.050507627,3.1622777],["3.weight",[100,300],0.08164966,3.1622777],["5.weight",[10,100],'
    b'0.14142136],["weight",[64,3,3,3],0.27216554],[[256,256],[128,64,3,3]]],"ties":[]},'
    b'"source_digest":"","version":2}'
)
