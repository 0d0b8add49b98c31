/** One line of a scrape. */
export interface Sample {
  /** Where they last as an object, their text is made once. */
  labels: Record<string, string>;
  value: number;
  /** Where it is not the family's own: …_bucket, …_sum, …_count. */
  name?: string;
  exemplar?: { labels: Record<string, string>; value: number; timestampSeconds: number };
}

export interface Family {
  /** That of its samples: a counter's ends with _total. */
  name: string;
  help: string;
  type: 'counter' | 'gauge' | 'histogram';
  /** What is true now: asked for at every scrape. */
  samples: () => Sample[];
}
