/** Keys of the metadata of files: of an export, for what does not show in the weights alone, and of a saved run. */
export const CONFIG_KEY = 'halfstep.config';
export const TOKENIZER_KEY = 'halfstep.tokenizer';
/** Of versions that had only GPT-2, which still read exports of GPT-2. */
export const HEADS_KEY = 'n_head';
export const MLP_KEY = 'halfstep.mlp';
/** Of the description of a saved run, which is JSON. */
export const RUN_KEY = 'halfstep';
