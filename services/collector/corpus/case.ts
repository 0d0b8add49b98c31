/** One case of a corpus file, one JSON object per line; test/fixtures/corpus/README.md describes the fields. */
export interface CorpusCase {
  name: string;
  config: {
    node: string;
    profiles: unknown;
    /** Files of PTP_CONFIG_DIR before the first line, and the texts that `@write` uses. */
    files: Record<string, string>;
    later?: Record<string, string>;
    aliases?: Record<string, string>;
  };
  /** Log lines, and directives: `@advance <ms>`, `@write <file>`, `@delete <file>`. */
  lines: string[];
  /** A part that is absent is not compared. */
  target?: Partial<CorpusResult>;
}

export interface CorpusValue {
  resource: string;
  dataType: string;
  valueType: string;
  value: string;
}

export interface CorpusEvent {
  /** Index of the line or directive that caused it. */
  after: number;
  type: string;
  resource: string;
  values: CorpusValue[];
}

export interface CorpusMetric {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** CurrentState per resource path; null: nothing known. */
export type CorpusPull = Record<string, { source: string; type: string; values: CorpusValue[] } | null>;

export interface CorpusResult {
  events: CorpusEvent[];
  metrics: CorpusMetric[];
  pull: CorpusPull;
}
