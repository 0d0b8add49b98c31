import { bus } from '../../shared/contract/bus.js';
import type { Value } from '../../shared/messages.js';
import { resourceAddress } from '../../shared/subjects.js';
import type { OverallChange } from '../state/change.js';
import type { Names } from './names.js';
import { notification } from './values.js';

/** sync-state: the node as a whole, so the value speaks about the resource itself and has no offset. */
export const syncStateValues = ({ state }: Pick<OverallChange, 'state'>, { node }: Names): Value[] => [
  notification(resourceAddress(node, bus.resources.syncState.path), state),
];
