import { ExitCode } from '../errors.js';
import { packageVersion } from '../version.js';
import { type Check, collectChecks } from './doctor-checks.js';
import { reportFailure } from './failure.js';
import { writeResult } from './output.js';

/** 0, or what stands in the way of a face swap: a tool or provider (9) before a model (4). */
export const doctorExitCode = (checks: readonly Check[]): ExitCode => {
  const failed = checks.filter(({ status }) => status === 'fail');
  if (failed.length === 0) return ExitCode.ok;
  return failed.every(({ area }) => area === 'model') ? ExitCode.model : ExitCode.unavailable;
};

/** One line per check, and one more where there is something to do. */
export const formatChecks = (checks: readonly Check[]): string => {
  const areaWidth = Math.max(...checks.map(({ area }) => area.length));
  return checks
    .flatMap(({ area, status, detail, advice }) => {
      const indent = ' '.repeat('warn'.length + areaWidth + 4);
      const line = `${status.padEnd('warn'.length)}  ${area.padEnd(areaWidth)}  ${detail}`;
      return advice === undefined ? [line] : [line, `${indent}-> ${advice}`];
    })
    .map((line) => `${line}\n`)
    .join('');
};

const verdict = (exitCode: ExitCode): string => {
  if (exitCode === ExitCode.ok) return 'Ready: faces can be swapped here.';
  return 'Not ready: see the lines that say fail.';
};

/**
 * What `faceswap doctor` does.
 *
 * @returns the exit code; never throws.
 */
export const doctorAction = async ({ json }: { readonly json: boolean }): Promise<ExitCode> => {
  try {
    const checks = await collectChecks();
    const exitCode = doctorExitCode(checks);
    writeResult(
      json
        ? `${JSON.stringify({ ok: exitCode === ExitCode.ok, exitCode, version: packageVersion(), checks })}\n`
        : `${formatChecks(checks)}${verdict(exitCode)}\n`,
    );
    return exitCode;
  } catch (error) {
    return reportFailure(error, { json, debug: false });
  }
};
