/** Keys of the metadata of an exported file, for what does not show in the weights alone. */
export const CONFIG_KEY = 'halfstep.config';
export const TOKENIZER_KEY = 'halfstep.tokenizer';
/** Of versions that had only GPT-2, which still read exports of GPT-2. */
export const HEADS_KEY = 'n_head';
export const MLP_KEY = 'halfstep.mlp';
