import type { PlanarFrame } from '../../imaging/planar-frame.js';
import type { EnhancedFace, EnhancedPatch, EnhancementBlend, FaceEnhancer } from './face-enhancer.js';

export class DetailEnhancer implements FaceEnhancer {
  count = 0;
  readonly halvings = 0;
  gain(): number {
    return 1;
  }
  add(_frame: PlanarFrame, _face: EnhancedFace): number {
    return this.count++;
  }
  run(): Promise<void> {
    return Promise.resolve();
  }
  apply(_frame: PlanarFrame, _index: number, _blend: EnhancementBlend): EnhancedPatch | null {
    return null;
  }
  clear(): void {
    this.count = 0;
  }
  dispose(): Promise<void> {
    return Promise.resolve();
  }
}
