/** Longest name the kernel allows, VLAN suffix included, or a PTP device. */
const INTERFACE = /^(?:[A-Za-z0-9][A-Za-z0-9_.@-]{0,14}|\/dev\/ptp\d{1,3})$/;
const DEVICE = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$/;

/** Names become label values and addresses: anything that is no name makes its line malformed. */
export const isInterface = (word: string | undefined): word is string => word !== undefined && INTERFACE.test(word);
export const isDevice = (word: string | undefined): word is string => word !== undefined && DEVICE.test(word);
