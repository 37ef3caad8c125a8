import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';

const names = ['chromium', 'chromium-browser', 'google-chrome'];

/** A headless browser of this machine; undefined where there is none. */
export const browserPath: string | undefined = (process.env['PATH'] ?? '')
  .split(delimiter)
  .flatMap((folder) => names.map((name) => join(folder, name)))
  .find((file) => existsSync(file));

/** Options for a test that needs a browser; it skips itself with a message where there is none. */
export const needsBrowser: { skip?: string } =
  browserPath === undefined ? { skip: 'no Chromium is installed' } : {};

const switches = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--hide-scrollbars',
  '--remote-debugging-pipe',
];

type Message = {
  readonly id?: number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: unknown;
};

/** How a page is looked at. */
export type PageView = {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly isDark?: boolean;
  /** An expression whose JSON value is wanted. */
  readonly ask: string;
};

/** What came of it. */
export type SeenPage = {
  /** Errors and warnings of the console, exceptions, and what the page's policy refused. */
  readonly complaints: readonly string[];
  /** Addresses that the page asked for, itself not counted. */
  readonly requests: readonly string[];
  readonly answer: unknown;
  readonly png: Buffer;
};

/** Opens a local page in a fresh headless browser and looks at it. */
export const lookAtPage = async (file: string, view: PageView): Promise<SeenPage> => {
  const profile = await mkdtemp(join(tmpdir(), 'faceswap-browser-'));
  const child = spawn(browserPath as string, [...switches, `--user-data-dir=${profile}`, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const commands = child.stdio[3] as Writable;
  const answers = child.stdio[4] as Readable;
  const waiting = new Map<number, (message: Message) => void>();
  const listeners = new Map<string, (params: unknown) => void>();
  let lastId = 0;
  let rest = '';
  answers.setEncoding('utf8').on('data', (text: string) => {
    const messages = (rest + text).split('\0');
    rest = messages.pop() ?? '';
    for (const words of messages) {
      const message = JSON.parse(words) as Message;
      if (message.id !== undefined) waiting.get(message.id)?.(message);
      else listeners.get(message.method ?? '')?.(message.params);
    }
  });
  let sessionId: string | undefined;
  const send = <Result>(method: string, params: object = {}): Promise<Result> =>
    new Promise((resolve, reject) => {
      const id = ++lastId;
      waiting.set(id, ({ result, error }) => {
        if (error === undefined) resolve(result as Result);
        else reject(new Error(`${method}: ${JSON.stringify(error)}`));
      });
      commands.write(
        `${JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) })}\0`,
      );
    });
  try {
    const { targetId } = await send<{ targetId: string }>('Target.createTarget', { url: 'about:blank' });
    const session = await send<{ sessionId: string }>('Target.attachToTarget', { targetId, flatten: true });
    sessionId = session.sessionId;
    const complaints: string[] = [];
    const requests: string[] = [];
    listeners.set('Runtime.consoleAPICalled', (params) => complaints.push(JSON.stringify(params)));
    listeners.set('Runtime.exceptionThrown', (params) => complaints.push(JSON.stringify(params)));
    listeners.set('Log.entryAdded', (params) => complaints.push(JSON.stringify(params)));
    const url = pathToFileURL(file).href;
    listeners.set('Network.requestWillBeSent', (params) => {
      const { request } = params as { request: { url: string } };
      if (request.url !== url && !request.url.startsWith('data:')) requests.push(request.url);
    });
    for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await send(`${domain}.enable`);
    const { widthPx, heightPx, isDark = false, ask } = view;
    await send('Emulation.setDeviceMetricsOverride', {
      width: widthPx,
      height: heightPx,
      deviceScaleFactor: 1,
      mobile: widthPx < 600,
    });
    await send('Emulation.setEmulatedMedia', {
      features: [{ name: 'prefers-color-scheme', value: isDark ? 'dark' : 'light' }],
    });
    const loaded = new Promise<void>((resolve) => listeners.set('Page.loadEventFired', () => resolve()));
    await send('Page.navigate', { url });
    await loaded;
    const { result } = await send<{ result: { value: unknown } }>('Runtime.evaluate', {
      expression: ask,
      returnByValue: true,
    });
    const { data } = await send<{ data: string }>('Page.captureScreenshot', { format: 'png' });
    return { complaints, requests, answer: result.value, png: Buffer.from(data, 'base64') };
  } finally {
    child.kill('SIGKILL');
    await ended;
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
};
