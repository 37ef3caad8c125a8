import { realpathSync } from 'node:fs';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { FaceswapError } from '../errors.js';
import { BrokenEncoding, type ModelWindow, withModelWindow } from './model-window.js';

/** Subgraphs inside of nodes inside of subgraphs; real models have three or four levels of messages per graph, and few graphs. */
const maxDepth = 64;

/** Messages that are looked into. Large models have some ten thousand nodes with a few attributes each. */
const maxMessages = 2 ** 22;

/** Longest path of a file with weights. */
const maxPathBytes = 4096;

type MessageKind =
  | 'model'
  | 'graph'
  | 'node'
  | 'attribute'
  | 'tensor'
  | 'sparse'
  | 'function'
  | 'training'
  | 'pair';

/**
 * The fields of each message that lead to tensors, by the field numbers of `onnx.proto`. Everything else, weights first of all, is
 * skipped without being read.
 */
const paths: Readonly<Record<MessageKind, Readonly<Record<number, MessageKind>>>> = {
  model: { 7: 'graph', 20: 'training', 25: 'function' },
  training: { 1: 'graph', 2: 'graph' },
  function: { 7: 'node', 11: 'attribute' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  tensor: { 13: 'pair' },
  pair: {},
};

/** Collects where the tensors of a model say that their numbers lie. */
class TensorWalk {
  readonly places = new Set<string>();
  readonly #window: ModelWindow;
  #messages = 0;

  constructor(window: ModelWindow) {
    this.#window = window;
  }

  message(kind: MessageKind, start: number, end: number, depth: number): void {
    this.#messages += 1;
    if (depth > maxDepth) throw new BrokenEncoding('messages are nested too deeply');
    if (this.#messages > maxMessages) throw new BrokenEncoding('it has too many messages');
    let key = '';
    let text = '';
    this.#window.eachField(start, end, (field, bodyStart, bodyEnd) => {
      const inner = paths[kind][field];
      if (inner !== undefined) this.message(inner, bodyStart, bodyEnd, depth + 1);
      else if (kind === 'pair' && field === 1) key = this.#text(bodyStart, bodyEnd);
      else if (kind === 'pair' && field === 2) text = this.#text(bodyStart, bodyEnd);
    });
    if (kind === 'pair' && key === 'location') this.places.add(text);
  }

  #text(start: number, end: number): string {
    return this.#window.bytes(start, end, maxPathBytes).toString('utf8');
  }
}

const placesOf = (path: string, name: string): ReadonlySet<string> =>
  withModelWindow(path, name, (window) => {
    const walk = new TensorWalk(window);
    walk.message('model', 0, window.size, 0);
    return walk.places;
  });

/**
 * Looks through a model file before onnxruntime gets it: that it is a whole protobuf message of a size that ONNX can have, and that
 * weights which it keeps in other files lie in its own folder or below, also after links were followed. A hostile model could
 * else have any file of the machine read as weights. Reads the structure and no weights, which takes some milliseconds.
 *
 * @param name the file that errors name, where the one that is read is a copy.
 * @throws FaceswapError `model`.
 */
export function guardModelFile(path: string, name = path): void {
  const folder = dirname(resolve(path));
  for (const place of placesOf(path, name)) {
    const refuse = (what: string, cause?: unknown): FaceswapError =>
      new FaceswapError('model', `The model keeps weights in ${JSON.stringify(place)}, ${what}`, {
        file: name,
        cause,
      });
    const escapes = (from: string, to: string): boolean => {
      const way = relative(from, to);
      return way === '' || /^\.\.(?:[/\\]|$)/.test(way) || isAbsolute(way);
    };
    if (place.includes('\0') || isAbsolute(place) || /^[A-Za-z]:|^[/\\]/.test(place)) {
      throw refuse('which is no place beside it');
    }
    if (escapes(folder, resolve(folder, place))) throw refuse('which is outside of its folder');
    let real: string;
    try {
      real = realpathSync(resolve(folder, place));
    } catch (cause) {
      throw refuse('which is not there', cause);
    }
    if (escapes(realpathSync(folder), real)) throw refuse('which leads out of its folder');
  }
}
