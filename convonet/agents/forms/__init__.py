"""Form-filling dialogues for the rules: a domain declares its forms as data, and `FormSkill` leads the dialogue.

Forms (`form`) have slots, which `readers` find in sentences. `skill` asks for missing values, takes corrections,
confirms, and runs the form's function.
"""
