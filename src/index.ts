/**
 * The library. Importing it loads nothing heavy: ffmpeg adapters, sharp and models come with the first run.
 */
export { type ErrorContext, type ErrorKind, type ErrorRecord, ExitCode, FaceswapError } from './errors.js';
export { benchmark } from './pipeline/benchmark/benchmark.js';
export type { BenchmarkModels, BenchmarkOptions } from './pipeline/benchmark/benchmark-options.js';
export type {
  BenchmarkComparison,
  BenchmarkCycle,
  BenchmarkEntry,
  BenchmarkMachine,
  BenchmarkReport,
  BenchmarkSettings,
  BenchmarkSummary,
} from './pipeline/benchmark/benchmark-report.js';
export { type ScenesHandle, scenes } from './pipeline/scenes/scenes.js';
export type { ScenesOptions } from './pipeline/scenes/scenes-options.js';
export type { Scene, ScenesReport } from './pipeline/scenes/scenes-report.js';
export { type FacesHandle, faces } from './pipeline/cast/faces.js';
export type { FacesOptions } from './pipeline/cast/faces-options.js';
export type {
  FacesMoment,
  FacesPerson,
  FacesReport,
  FacesTrack,
} from './pipeline/cast/faces-report.js';
export type {
  ComparedVideo,
  ComparisonReport,
  ReferenceFigures,
} from './pipeline/compare/comparison-report.js';
export type { CompareContext } from './pipeline/compare/compare-videos.js';
export type { StreamDifference } from './pipeline/compare/stream-differences.js';
export type { JobCleaning, JobDetails, JobSelection, JobSummary } from './pipeline/job-list.js';
export { cleanJobs, findJob, listJobs } from './pipeline/jobs.js';
export type { JobComponents } from './pipeline/job-record.js';
export { type DryRun, dryRun } from './pipeline/dry-run.js';
export type { PlanSegment, RenderPlan } from './pipeline/plan.js';
export type { ProgressEvent, RunPhase } from './pipeline/progress.js';
export type {
  MissedPolicyCheck,
  PolicyCheckName,
  PolicyCheckReport,
  PolicyPoint,
  PolicyReport,
} from './pipeline/policy/policy-report.js';
export type { ContentAnalyserMode } from './pipeline/policy/policy-options.js';
export { run, type RunContext, type RunHandle } from './pipeline/run.js';
export { type BatchHandle, runBatch } from './pipeline/run-batch.js';
export { type BatchDryRun, type BatchDryRunItem, dryRunBatch } from './pipeline/run-batch-dry-run.js';
export type { BatchOptions } from './pipeline/run-batch-options.js';
export {
  batchFailure,
  type BatchItem,
  type BatchItemEvent,
  type BatchItemFigures,
  type BatchItemReport,
  type BatchProgressEvent,
  type BatchReport,
} from './pipeline/run-batch-report.js';
export type { RunLogger } from './pipeline/run-logger.js';
export type { RunMachine } from './pipeline/run-machine.js';
export type {
  BlendMode,
  ColorMatchMode,
  FaceMap,
  FaceMapOption,
  FaceRegion,
  FaceSelectorGender,
  FaceSelectorMode,
  FaceSelectorOrder,
  HardwareDecoding,
  LogLevel,
  MaskPadding,
  NoFacePolicy,
  ProcessorName,
  Rational,
  ResumeMode,
  RunConfig,
  RunOptions,
  SmootherMode,
  TrimPoint,
} from './pipeline/run-options.js';
export type {
  FaceRow,
  FaceTotals,
  FrameRange,
  FrameRow,
  FrameStage,
  GateName,
  GateResult,
  Latency,
  Percentiles,
  PersonReport,
  QualityTotals,
  RowsEnd,
  RowsFrame,
  RowsHeader,
  RowsLine,
  RunPerformance,
  RunReport,
  RunWarning,
  ShotTotals,
  SkipReason,
  Spread,
  StageTimes,
  TrackTotals,
} from './pipeline/run-report.js';
export { compare, type CompareHandle, type CompareOptions } from './report/compare.js';
export {
  type HtmlReport,
  type HtmlReportOptions,
  writeHtmlReport,
} from './report/write-html-report.js';
