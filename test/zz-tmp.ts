import { VectorSet } from '../src/keyspace/vector-set.js'
const s = new VectorSet({dim:100,quantization:'int8',m:16,projection:null})
const v = () => Float32Array.from({length:100},()=>Math.random()-0.5)
let t=performance.now(); for (let i=0;i<5000;i++) s.set('e'+i,s.vectorFor(v()),null); console.log('set us each', (performance.now()-t)/5)
t=performance.now(); for (const _ of s.link()); console.log('link us each', (performance.now()-t)/5)
t=performance.now(); for (let i=0;i<20;i++) s.nearest(s.vectorFor(v()),10); console.log('nearest ms', (performance.now()-t)/20)
t=performance.now(); for (let i=0;i<500;i++) s.delete('e'+i); console.log('delete us each', (performance.now()-t)*2)
t=performance.now(); s.clone(); console.log('clone ms', performance.now()-t)
