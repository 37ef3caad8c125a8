import { join } from 'node:path';
import { z } from 'zod';
import { FaceswapError } from '../../errors.js';
import type { ExternalModelEntry } from '../../inference/model-contracts.js';
import { readOwnJson, regularFileBytes, writeWhole } from '../job-file.js';
import { type LockWait, withModelLock } from './model-lock.js';

/** The terms of one family of models, accepted once for all of them. */
export type LicenceTerms = Pick<ExternalModelEntry, 'licence' | 'vendor' | 'use'>;

const acceptanceSchema = z.strictObject({
  version: z.literal(1),
  accepted: z
    .array(
      z.strictObject({
        licence: z.string().max(500),
        vendor: z.string().max(500),
        acceptedAt: z.string().max(40),
      }),
    )
    .max(10_000),
});

type Acceptance = z.infer<typeof acceptanceSchema>;

/** Which licences were accepted, in this file of the model folder. */
export const acceptanceFile = (folder: string): string => join(folder, 'accepted-licences.json');

const maxAcceptanceBytes = 4 * 2 ** 20;

const readAcceptance = async (folder: string): Promise<Acceptance> => {
  const file = acceptanceFile(folder);
  if ((await regularFileBytes(file)) === undefined) return { version: 1, accepted: [] };
  const read = acceptanceSchema.safeParse(await readOwnJson(file, maxAcceptanceBytes)).data;
  if (read !== undefined) return read;
  throw new FaceswapError('model', 'The list of accepted licences is damaged', {
    file,
    hint: 'Delete it: licences are then asked for again',
  });
};

const isSame = (a: Pick<LicenceTerms, 'licence' | 'vendor'>, b: LicenceTerms): boolean =>
  a.licence === b.licence && a.vendor === b.vendor;

/** The terms of models that were not accepted in this folder, each once. */
export async function openTerms(
  folder: string,
  entries: readonly ExternalModelEntry[],
): Promise<readonly LicenceTerms[]> {
  const { accepted } = await readAcceptance(folder);
  const open: LicenceTerms[] = [];
  for (const { licence, vendor, use } of entries) {
    const terms = { licence, vendor, use };
    if (![...accepted, ...open].some((known) => isSame(known, terms))) open.push(terms);
  }
  return open;
}

/** Keeps that terms were accepted, with the time. */
export async function acceptTerms(
  folder: string,
  terms: readonly LicenceTerms[],
  wait: LockWait,
): Promise<void> {
  const file = acceptanceFile(folder);
  await withModelLock(file, wait, async () => {
    const { accepted } = await readAcceptance(folder);
    const acceptedAt = new Date().toISOString();
    const fresh = terms.filter((one) => !accepted.some((known) => isSame(known, one)));
    const all: Acceptance = {
      version: 1,
      accepted: [...accepted, ...fresh.map(({ licence, vendor }) => ({ licence, vendor, acceptedAt }))],
    };
    await writeWhole(file, `${JSON.stringify(all, null, 2)}\n`);
  });
}
