import { policyChoices } from '../pipeline/policy/resolve-policy-options.js';
import type { RunOptionEntry } from './run-option-table.js';

/** The options of checks that may refuse a run, as `runOptionTable` lists them. */
export const policyOptionEntries = [
  {
    name: 'content-analyser',
    group: 'Policy',
    kind: 'text',
    placeholder: 'when',
    choices: policyChoices.contentAnalyser,
    description:
      'look for content that is refused: auto when its models are there, require else refuses the run',
  },
  {
    name: 'policy-command',
    group: 'Policy',
    kind: 'text-or-texts',
    placeholder: 'program',
    description: 'a program that may refuse the run, before and after; no shell is involved',
  },
  {
    name: 'policy-timeout',
    group: 'Policy',
    kind: 'number',
    placeholder: 'seconds',
    description: 'how long that program may take for each answer',
  },
] as const satisfies readonly RunOptionEntry[];
