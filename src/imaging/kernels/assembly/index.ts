// The SIMD kernels, one file per subject; what is exported here is what the thread's WebAssembly module offers.
export {
  bandEnergy,
  drawThinLines,
  fillOutside,
  flattenFace,
  interleavePlanes,
  measureSkin,
  multiplyMaps,
  ridgesAt,
  robustSpread,
  skinBlocks,
} from './appearance';
export {
  clearMemory,
  drawFace12,
  drawFace16,
  drawFace8,
  halvePlane,
  loadPlane12,
  loadPlane16,
  loadPlane8,
  mixLevel,
  multiplyPlanes,
  nonZeroBounds,
  padPlane,
  weighPlanes,
  writeBands12,
  writeBands16,
  writeBands8,
  writeBasic12,
  writeBasic16,
  writeBasic8,
} from './blend';
export { maskedSsim16, maskedSsim8, squaredDifferences8, squaredDifferences16, ssim8, ssim16 } from './comparison';
export { gatherDetail, limitDetail, smoothApart } from './detail';
export { anchorOutline, membraneTerms, subtractMembrane, weighedMean } from './gradient';
export { addGrain16, addGrain8, grainBlocks16, grainBlocks8 } from './grain';
export { labToSrgbPlanes, srgbToLabPlanes } from './lab';
export { softenMask } from './mask';
export {
  factorMembrane,
  prolongMembrane,
  relaxMembrane,
  restrictMembrane,
  solveMembrane,
  sumBlocks,
} from './membrane';
export {
  chooseTextureLevels,
  gatherCorners,
  rasterizeTriangles,
  resolveTriangles,
  shadeTriangles,
  shadingRowBytes,
  triangleRecordBytes,
} from './mesh';
export { blockMeans12, blockMeans16, blockMeans8, cropToRgb, fourTaps, repeatEnds, roundToBytes } from './sampling';
export { alignedError16, alignedError8, areEqual, markMask, seam16, seam8 } from './monitor';
export { packCrop, pasteCrop } from './paste';
export { boxBlurPlane, inpaintPlanes, mixZones, raiseToPolygon, stretchMap } from './planes';
export { expandAddPlane, reducePlane } from './pyramid';
export { displayToSignal, displayToWide, signalToDisplay, widenLab, wideToSignal } from './tone';

/** The first address behind the module's own constants. */
export function heapStart(): usize {
  return __heap_base;
}
