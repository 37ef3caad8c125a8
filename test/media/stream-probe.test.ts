import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { FaceswapError } from '../../src/errors.js';
import { FrameDecoder } from '../../src/media/decoder.js';
import { readFrameTable } from '../../src/media/frame-table.js';
import { probeTarget } from '../../src/media/probe.js';
import { probeStreams } from '../../src/media/stream-probe.js';
import { ffmpegOutput, inFolder, tools } from './media-fixtures.js';

const refusal =
  (line: RegExp) =>
  (error: unknown): boolean =>
    error instanceof FaceswapError && error.kind === 'media' && line.test(String(error));

const makeClip = (file: string, ...options: string[]): void => {
  ffmpegOutput(
    '-f',
    'lavfi',
    '-i',
    'testsrc2=s=96x64:r=25',
    '-frames:v',
    '10',
    '-c:v',
    'libx264',
    ...options,
    file,
  );
};

/** A program in the place of ffprobe. */
const fakeProbe = (folder: string, script: string) => {
  const ffprobePath = join(folder, 'fake-ffprobe');
  writeFileSync(ffprobePath, `#!/bin/sh\n${script}\n`);
  chmodSync(ffprobePath, 0o755);
  return { ...tools, ffprobePath };
};

/** A server on this machine that counts who asks. */
const listening = async (): Promise<{ server: Server; url: string; requests: () => number }> => {
  let count = 0;
  const server = createServer((_request, response) => {
    count += 1;
    response.end();
  });
  server.on('connection', () => {
    count += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { server, url: `http://127.0.0.1:${port}/clip.ts`, requests: () => count };
};

test('nothing that refers to other files or addresses is followed, whatever it is called', () =>
  inFolder(async (folder) => {
    const { server, url, requests } = await listening();
    try {
      const clip = join(folder, 'clip.ts');
      makeClip(clip);
      const playlist = (address: string): string =>
        `#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n${address}\n#EXT-X-ENDLIST\n`;
      const dash = (address: string): string =>
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S"><Period>' +
        `<AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>${address}</BaseURL></Representation>` +
        '</AdaptationSet></Period></MPD>';
      const contents: Readonly<Record<string, string>> = {
        'network.m3u8': playlist(url),
        'network.mp4': playlist(url),
        'passwords.mp4': playlist('file:///etc/passwd'),
        'other.mp4': playlist(clip),
        'relative.ts': playlist('clip.ts'),
        'list.mp4': `ffconcat version 1.0\nfile ${clip}\n`,
        'passwords.ffconcat': 'ffconcat version 1.0\nfile /etc/passwd\n',
        'network.ffconcat': `ffconcat version 1.0\nfile ${url}\n`,
        'dash.mp4': dash(url),
        'dash.mpd': dash(clip),
        'session.sdp':
          'v=0\no=- 0 0 IN IP4 127.0.0.1\ns=a\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n',
        'script.avs': `AVISource("${clip}")\n`,
        'cue.mp4': `FILE "${clip}" BINARY\n`,
      };
      for (const [name, content] of Object.entries(contents)) {
        const file = join(folder, name);
        writeFileSync(file, content);
        await assert.rejects(
          probeStreams(tools, file),
          refusal(/does not open|cannot read|is cut off/),
          name,
        );
        await assert.rejects(probeTarget(tools, file), refusal(/neither a video nor an image/), name);
        await assert.rejects(readFrameTable(tools, file, 0), FaceswapError, name);
      }
      assert.equal(requests(), 0);
    } finally {
      server.close();
    }
  }));

test('a pattern in a name is not expanded into other files', () =>
  inFolder(async (folder) => {
    const secret = join(folder, 'frame1.tga');
    ffmpegOutput('-f', 'lavfi', '-i', 'testsrc2=s=32x32', '-frames:v', '1', secret);
    makeClip(join(folder, 'clip.mp4'));
    for (const name of ['frame%d.tga', 'frame*.tga']) {
      const file = join(folder, name);
      writeFileSync(file, readFileSync(join(folder, 'clip.mp4')));
      await assert.rejects(probeTarget(tools, file), refusal(/format that faceswap does not open/), name);
    }
    // With the usual extension such names are like any other.
    const usual = join(folder, 'clip %d [1-9]*?{a,b}.mp4');
    writeFileSync(usual, readFileSync(join(folder, 'clip.mp4')));
    assert.equal((await probeTarget(tools, usual)).video.frameCount, 10);
  }));

/** A box with its length in front; `payload` are its bytes. */
const box = (name: string, ...payload: readonly Uint8Array[]): Buffer => {
  const body = Buffer.concat(payload);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(body.length + 8);
  head.write(name, 4, 'latin1');
  return Buffer.concat([head, body]);
};

/** Gives all boxes called `dref` another content; lengths of the boxes around them follow. */
const withReference = (bytes: Buffer, reference: Buffer): Buffer => {
  const parts: Buffer[] = [];
  for (let at = 0; at + 8 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const name = bytes.toString('latin1', at + 4, at + 8);
    const body = bytes.subarray(at + 8, at + length);
    if (name === 'dref') parts.push(box('dref', reference));
    else if (['moov', 'trak', 'mdia', 'minf', 'dinf'].includes(name))
      parts.push(box(name, withReference(body, reference)));
    else parts.push(bytes.subarray(at, at + length));
    at += length;
  }
  return Buffer.concat(parts);
};

/** A data reference to a file by its absolute path, as QuickTime's alias records have it. */
const aliasTo = (path: string): Buffer => {
  const entry = Buffer.alloc(150);
  entry.write('Volume', 11, 'latin1');
  entry[10] = 6;
  const name = Buffer.from(`Volume:${path}`, 'latin1');
  const padded = Buffer.concat([name, Buffer.alloc(name.length % 2)]);
  const record = Buffer.alloc(4);
  record.writeUInt16BE(2);
  record.writeUInt16BE(name.length, 2);
  const end = Buffer.from('ffff0000', 'hex');
  const count = Buffer.from('0000000000000001', 'hex');
  return Buffer.concat([count, box('alis', Buffer.alloc(4), entry, record, padded, end)]);
};

test('a QuickTime file whose pictures lie in another file does not get that file opened', async (context) => {
  await inFolder(async (folder) => {
    // Whoever opened this pipe would wait for ever.
    const pipe = join(folder, 'pipe');
    if (spawnSync('mkfifo', [pipe]).status !== 0) return context.skip('there are no named pipes here');
    makeClip(join(folder, 'clip.mov'));
    const file = join(folder, 'reference.mov');
    writeFileSync(file, withReference(readFileSync(join(folder, 'clip.mov')), aliasTo(pipe)));
    const { stderr } = spawnSync(tools.ffprobePath, ['-v', 'debug', file], { timeout: 20_000 });
    assert.match(stderr.toString(), /Skipped opening external track/);
    const outcome = await probeTarget(tools, file).catch((error: unknown) => {
      assert.ok(error instanceof FaceswapError && error.kind === 'media', String(error));
    });
    // What it has of its own may be shown.
    if (outcome !== undefined) assert.equal(outcome.video.frameCount, 10);
  });
});

test('a line break in a tag cannot give a stream another size', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'clip.mkv');
    const title = 'a\nwidth=64000\nTAG:rotate=90\n[/STREAM]\n[STREAM]\nindex=7';
    makeClip(file, '-metadata:s:v', `title=${title}`, '-metadata', 'comment=007');
    const { streams, format } = await probeStreams(tools, file);
    assert.equal(streams.length, 1);
    assert.equal(streams[0]?.['width'], 96);
    const { tags } = streams[0] as { tags: Record<string, string> };
    assert.equal(tags['title'] ?? tags['TITLE'], title);
    const formatTags = (format as { tags: Record<string, string> }).tags;
    assert.equal(formatTags['COMMENT'] ?? formatTags['comment'], '007');
  }));

test('the rotation that side data tells is a field of the stream', () =>
  inFolder(async (folder) => {
    makeClip(join(folder, 'plain.mp4'));
    const file = join(folder, 'turned.mp4');
    ffmpegOutput('-i', join(folder, 'plain.mp4'), '-c', 'copy', '-metadata:s:v', 'rotate=90', file);
    const { streams } = await probeStreams(tools, file);
    assert.equal(Math.abs(Number(streams[0]?.['rotation'])), 90);
  }));

test(
  'an ffprobe that says too much, too little or nothing is not waited for',
  existsSync('/bin/sh') ? {} : { skip: 'there is no /bin/sh' },
  () =>
    inFolder(async (folder) => {
      const file = join(folder, 'clip.mp4');
      makeClip(file);
      const endless = fakeProbe(
        folder,
        'while :; do echo "{\\"a\\": \\"0123456789012345678901234567890123456789\\","; done',
      );
      await assert.rejects(probeStreams(endless, file), refusal(/at too great a length/));
      const broken = fakeProbe(folder, 'echo "{"');
      await assert.rejects(probeStreams(broken, file), refusal(/no description/));
      const silent = fakeProbe(folder, 'exec sleep 600');
      await assert.rejects(probeStreams(silent, file, { timeoutMs: 200 }), refusal(/no end after 0\.2 s/));
      const crashing = fakeProbe(folder, 'kill -SEGV $$');
      await assert.rejects(probeStreams(crashing, file), refusal(/crashed/));
    }),
);

test('a picture that is announced too large is refused before memory is taken for it', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'clip.mkv');
    const picture = ['-f', 'lavfi', '-i', 'testsrc2=s=320x288:r=25', '-frames:v', '2', '-pix_fmt', 'yuv420p'];
    ffmpegOutput(...picture, '-c:v', 'ffv1', file);
    const bytes = readFileSync(file);
    // Matroska's PixelWidth and PixelHeight, two bytes each.
    const width = bytes.indexOf(Buffer.from('b0820140', 'hex')) + 2;
    const height = bytes.indexOf(Buffer.from('ba820120', 'hex')) + 2;
    assert.ok(width > 2 && height > 2);
    for (const [widthPx, heightPx] of [
      [16_384, 12_000],
      [16_384, 6144],
      [32_000, 16],
    ] as const) {
      bytes.writeUInt16BE(widthPx, width);
      bytes.writeUInt16BE(heightPx, height);
      writeFileSync(file, bytes);
      const line = new RegExp(`too large: ${widthPx}x${heightPx}`);
      await assert.rejects(probeTarget(tools, file), refusal(line), `${widthPx}x${heightPx}`);
    }
  }));

test('a picture size that no frame has ends with an error and not with other pictures', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'clip.mp4');
    makeClip(file);
    const real = await probeTarget(tools, file);
    for (const [widthPx, heightPx] of [
      [192, 64],
      [96, 32],
      [48, 128],
      [1920, 1080],
    ] as const) {
      const video = { ...real.video, format: { ...real.video.format, widthPx, heightPx } };
      const decoder = new FrameDecoder({
        tools,
        target: { ...real, video },
        range: { start: 0, end: 10 },
        acquire: () => Promise.resolve(new ArrayBuffer((widthPx * heightPx * 3) / 2)),
        threads: 1,
      });
      await assert.rejects(
        async () => {
          for await (const { buffer } of decoder.frames()) assert.ok(buffer);
        },
        refusal(/picture size changes|video ends/),
        `${widthPx}x${heightPx}`,
      );
      await decoder.close();
    }
  }));
