/** Where the path of a normalised http or https URL begins: after `scheme://authority`. */
const pathAt = (uri: string): number => {
  const at = uri.indexOf('/', uri.indexOf('//') + 2);
  return at < 0 ? uri.length : at;
};

/** Scheme, host and port of a normalised endpoint URL: parsing one takes as long as sending a small request. */
export const originOf = (uri: string): string => uri.slice(0, pathAt(uri));

/** Path and query of a normalised endpoint URL. */
export const requestPathOf = (uri: string): string => uri.slice(pathAt(uri)) || '/';
